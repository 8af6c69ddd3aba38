// One tool call as a bare HTTP request, for tests that must see the HTTP status and have no client that retries or hides.
// Reads both shapes of answer: one JSON document, or the last message of an event stream.

export interface ToolAnswer {
  status: number;
  /** True only for a result that is no error. */
  ok: boolean;
  /** The stable code of a refusal or of a failed tool. */
  code: string | undefined;
  structured: Record<string, unknown>;
  text: string;
}

export interface ToolTarget {
  url: string;
  key: string;
}

interface JsonRpcAnswer {
  result?: {
    isError?: boolean;
    content?: { text?: string }[];
    structuredContent?: Record<string, unknown>;
    _meta?: Record<string, { code?: string }>;
  };
  error?: { code: number; message: string; data?: { code?: string } };
}

export async function callTool(
  { url, key }: ToolTarget,
  name: string,
  args: Record<string, unknown>,
  signal?: AbortSignal,
): Promise<ToolAnswer> {
  const response = await postJson(
    { url, key },
    JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } }),
    signal,
  );
  const body = await response.text();
  const answer = parseAnswer(body, response.headers.get('content-type') ?? '');
  const { result, error } = answer;
  return {
    status: response.status,
    ok: response.status === 200 && result !== undefined && result.isError !== true,
    code: error?.data?.code ?? result?._meta?.['mem-agent/error']?.code,
    structured: result?.structuredContent ?? {},
    text: error?.message ?? result?.content?.map((part) => part.text ?? '').join('\n') ?? body,
  };
}

export function postJson({ url, key }: ToolTarget, body: string, signal?: AbortSignal): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body,
    ...(signal !== undefined && { signal }),
  });
}

function parseAnswer(body: string, contentType: string): JsonRpcAnswer {
  if (!contentType.includes('text/event-stream')) return JSON.parse(body) as JsonRpcAnswer;
  const last = body
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => JSON.parse(line.slice('data:'.length)) as JsonRpcAnswer)
    .findLast((message) => message.result !== undefined || message.error !== undefined);
  if (last === undefined) throw new Error(`the stream ended without an answer: ${body}`);
  return last;
}
