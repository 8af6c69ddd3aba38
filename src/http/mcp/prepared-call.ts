// Everything that must be settled before an MCP request reaches the SDK: is it allowed, are its arguments right, is its
// intent durable. So a refusal is still a plain HTTP answer, also in the revisions that stream from the first byte.
import type { AuditCall, NoteOperation } from '../../audit/audit-log.ts';
import { toAppError, type AppError } from '../../lib/app-error.ts';
import type { HttpPorts } from '../ports.ts';
import type { Caller } from './caller.ts';
import { pathOfUri } from './note-uri.ts';
import type { BoundTool, RegisteredTool } from './tool.ts';

export interface JsonRpcCall {
  method: string;
  id: string | number | null;
  params: Record<string, unknown>;
}

export type PreparedCall =
  | { kind: 'tool'; tool: RegisteredTool; bound: BoundTool; audit: AuditCall; startedMs: number }
  | { kind: 'refused-input'; tool: RegisteredTool; error: AppError; startedMs: number }
  | { kind: 'resource'; path?: string; audit: AuditCall; startedMs: number };

type PreparePorts = Pick<HttpPorts, 'audit' | 'clock'>;

/** Reads method, id and params of a JSON-RPC request; undefined for notifications, responses and nonsense (the SDK's job). */
export function parseJsonRpcCall(body: unknown): JsonRpcCall | undefined {
  if (typeof body !== 'object' || body === null || !('method' in body) || typeof body.method !== 'string')
    return undefined;
  if (!('id' in body) || (typeof body.id !== 'string' && typeof body.id !== 'number')) return undefined;
  const params = 'params' in body && isRecord(body.params) ? body.params : {};
  return { method: body.method, id: body.id, params };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Throws AUDIT_UNAVAILABLE, and then nothing may happen. */
export async function prepareCall(
  call: JsonRpcCall,
  tool: RegisteredTool | undefined,
  caller: Caller,
  ports: PreparePorts,
): Promise<PreparedCall | undefined> {
  const startedMs = ports.clock.monotonicMs();
  const begin = (action: string, args: unknown, operations: NoteOperation[]): Promise<AuditCall> =>
    ports.audit.begin(
      {
        requestId: caller.requestId,
        actor: { kind: caller.principal.kind, id: caller.principal.id },
        transport: caller.transport,
        action,
        root: caller.principal.root,
        args,
        // A run shows notes to a model, which may be on another machine. All others read only, until the record of a change.
        durableWithNext: tool?.isLong !== true,
      },
      operations,
    );
  if (tool !== undefined) {
    let bound: BoundTool;
    try {
      bound = tool.bind(call.params['arguments']);
    } catch (error) {
      return { kind: 'refused-input', tool, error: toAppError(error), startedMs };
    }
    return {
      kind: 'tool',
      tool,
      bound,
      audit: await begin(`tool.${tool.name}`, call.params['arguments'], bound.operations),
      startedMs,
    };
  }
  if (call.method === 'resources/list') {
    return {
      kind: 'resource',
      audit: await begin('resource.list', call.params, [{ operation: 'note.list' }]),
      startedMs,
    };
  }
  if (call.method === 'resources/read') {
    const path = typeof call.params['uri'] === 'string' ? pathOfUri(call.params['uri']) : undefined;
    // Not one of our notes: nothing is read, so nothing is audited.
    if (path === undefined) return undefined;
    return {
      kind: 'resource',
      path,
      audit: await begin('resource.read', { uri: call.params['uri'] }, [{ operation: 'note.read', path }]),
      startedMs,
    };
  }
  return undefined;
}

/** Closes the record of a call that was audited and then refused by the protocol layer. */
export async function abandonCall(prepared: PreparedCall, ports: PreparePorts): Promise<void> {
  if (prepared.kind === 'refused-input') return;
  await prepared.audit.finish({
    outcome: 'error',
    code: 'INVALID_INPUT',
    durationMs: ports.clock.monotonicMs() - prepared.startedMs,
    usage: { tool: prepared.kind === 'tool' ? prepared.tool.name : 'resource' },
  });
}
