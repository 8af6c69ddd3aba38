// Turns what the MCP client threw into the error the server meant: its code, its words, its hint.
// Guarantee: no JSON and no text of a library reaches the terminal where the server said what is wrong.
import { StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { AppError, isErrorCode, systemErrorCode } from '../lib/app-error.ts';

export function mcpRefusal(error: unknown, server: string): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof StreamableHTTPError) {
    const said = parseRefusal(error.message);
    if (said !== undefined) return new AppError(said.code, said.message, { cause: error });
    return new AppError('MEMORY_UNAVAILABLE', `${server} answered with HTTP ${error.code ?? 'error'}, not with MCP`, {
      hint: 'Check the address; it usually ends in /mcp',
      cause: error,
    });
  }
  return new AppError('MEMORY_UNAVAILABLE', `${server} cannot be reached: ${reasonOf(error)}`, {
    hint: 'Check the address and that mem-agent runs there',
    cause: error,
  });
}

/** The SDK puts the body of a refused request behind its own words. */
function parseRefusal(text: string): { code: AppError['code']; message: string } | undefined {
  const start = text.indexOf('{');
  if (start < 0) return undefined;
  let body: unknown;
  try {
    body = JSON.parse(text.slice(start));
  } catch {
    // A page of some proxy, not an answer of ours.
    return undefined;
  }
  const { error } = body as { error?: { message?: unknown; data?: { code?: unknown } } };
  const code = error?.data?.code;
  if (typeof error?.message !== 'string' || typeof code !== 'string' || !isErrorCode(code)) return undefined;
  return { code, message: error.message };
}

/** `fetch failed` hides why in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = systemErrorCode(cause);
  if (code !== undefined) return code;
  const text = cause instanceof Error ? cause.message : error instanceof Error ? error.message : String(error);
  return text.split('\n')[0] ?? '';
}
