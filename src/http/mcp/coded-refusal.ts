// What the SDK refuses by itself (a broken envelope, headers that disagree with the body, an unknown revision) gets our stable
// code and a hint as well. Guarantees: status, number, message and id stay as the protocol wants them.
import type { ErrorCode } from '../../lib/app-error.ts';
import { isRecord } from './prepared-call.ts';

const HINTS: ReadonlyMap<unknown, string> = new Map([
  [-32600, 'Send one JSON-RPC 2.0 message: jsonrpc "2.0", an id, a method, and params as an object'],
  [-32601, 'See server/discover or initialize for what is served'],
  [-32602, 'See tools/list for what each tool takes; the MCP headers must say what the body says'],
  [-32001, 'Begin anew: send initialize without Mcp-Session-Id'],
  [-32000, 'Send Accept: application/json, text/event-stream, and an MCP-Protocol-Version that is named here'],
]);
const OTHER_HINT = 'Headers and body must name the same method and protocol revision; see server/discover';

export async function withCode(response: Response): Promise<Response> {
  if (response.status < 400 || response.headers.get('content-type')?.startsWith('application/json') !== true)
    return response;
  const text = await response.text();
  const { status, headers } = response;
  return new Response(codedText(text, status), { status, headers: withoutLength(headers) });
}

function codedText(text: string, status: number): string {
  const body: unknown = JSON.parse(text);
  if (!isRecord(body) || !isRecord(body['error'])) return text;
  const { error } = body;
  const data = isRecord(error['data']) ? error['data'] : {};
  if (typeof data['code'] === 'string') return text;
  const code: ErrorCode = status === 404 ? 'NOT_FOUND' : 'INVALID_INPUT';
  const hint = HINTS.get(error['code']) ?? OTHER_HINT;
  return JSON.stringify({ ...body, error: { ...error, data: { ...data, code, hint } } });
}

function withoutLength(headers: Headers): Headers {
  const kept = new Headers(headers);
  kept.delete('content-length');
  return kept;
}
