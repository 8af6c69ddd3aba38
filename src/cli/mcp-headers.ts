// The HTTP headers a JSON-RPC message needs: protocol version, and for the 2026 revision its method and name again.
import type { JsonObject } from '../lib/json-lines.ts';

const VERSION_META = 'io.modelcontextprotocol/protocolVersion';
const NAME_PARAM: Record<string, string> = { 'tools/call': 'name', 'prompts/get': 'name', 'resources/read': 'uri' };

/** `negotiated` is the version of a 2025 `initialize`; a request of the 2026 revision carries its own. */
export function mcpHeaders(message: JsonObject, negotiated: string | undefined): Record<string, string> {
  const method = message['method'];
  const params = asObject(message['params']);
  const own = asObject(params?.['_meta'])?.[VERSION_META];
  if (typeof own !== 'string')
    return negotiated === undefined || method === 'initialize' ? {} : { 'mcp-protocol-version': negotiated };
  const headers: Record<string, string> = { 'mcp-protocol-version': own };
  if (typeof method !== 'string') return headers;
  headers['mcp-method'] = encodeHeader(method);
  const name = params?.[NAME_PARAM[method] ?? ''];
  if (typeof name === 'string') headers['mcp-name'] = encodeHeader(name);
  return headers;
}

/** As it is if a header can hold it unchanged, else base64 of its UTF-8 between `=?base64?` and `?=`. */
export function encodeHeader(value: string): string {
  const isPlain = /^[\x20-\x7e]*$/.test(value) && value.trim() === value && !/^=\?base64\?.*\?=$/i.test(value);
  return isPlain ? value : `=?base64?${Buffer.from(value, 'utf8').toString('base64')}?=`;
}

function asObject(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}
