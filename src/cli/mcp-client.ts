// An MCP client as most in the wild are: the 1.x SDK over HTTP, here also over the daemon's socket.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { mcpRefusal } from './mcp-refusal.ts';
import type { UnixFetch } from './unix-fetch.ts';

export interface ToolAnswer {
  text: string;
  structured: Record<string, unknown> | undefined;
  isError: boolean;
}

export interface McpClient extends AsyncDisposable {
  callTool(name: string, args: Record<string, unknown>, onProgress?: (message: string) => void): Promise<ToolAnswer>;
}

/** An agent run may take ten minutes; every sign of progress starts the clock again. */
const CALL_TIMEOUT_MS = 120_000;
const CALL_TOTAL_MS = 900_000;

export async function openMcpClient(
  target: { url: string; key: string | undefined } | { fetch: UnixFetch['fetch'] },
): Promise<McpClient> {
  const client = new Client({ name: 'mem-agent-cli', version: '1' });
  const transport =
    'url' in target
      ? new StreamableHTTPClientTransport(
          new URL(target.url),
          target.key === undefined ? {} : { requestInit: { headers: { authorization: `Bearer ${target.key}` } } },
        )
      : new StreamableHTTPClientTransport(new URL('http://localhost/mcp'), { fetch: overSocket(target.fetch) });
  const server = 'url' in target ? target.url : 'mem-agent';
  try {
    await client.connect(transport);
  } catch (error) {
    throw mcpRefusal(error, server);
  }
  return {
    async callTool(name, args, onProgress) {
      const options = {
        timeout: CALL_TIMEOUT_MS,
        maxTotalTimeout: CALL_TOTAL_MS,
        resetTimeoutOnProgress: true,
        ...(onProgress === undefined
          ? {}
          : { onprogress: (progress: { message?: string | undefined }) => onProgress(progress.message ?? '') }),
      };
      const result = await client.callTool({ name, arguments: args }, undefined, options).catch((error: unknown) => {
        throw mcpRefusal(error, server);
      });
      const content = Array.isArray(result.content) ? (result.content as { type: string; text?: string }[]) : [];
      return {
        text: content.map((part) => part.text ?? '').join('\n'),
        structured: result.structuredContent as Record<string, unknown> | undefined,
        isError: result.isError === true,
      };
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

function overSocket(fetch: UnixFetch['fetch']): FetchLike {
  return (url, init) => {
    const { pathname, search } = new URL(url);
    return fetch(pathname + search, {
      method: init?.method ?? 'GET',
      headers: Object.fromEntries(new Headers(init?.headers)),
      ...(typeof init?.body === 'string' ? { body: init.body } : {}),
      ...(init?.signal instanceof AbortSignal ? { signal: init.signal } : {}),
    });
  };
}
