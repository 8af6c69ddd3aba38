// Whether a caller may make an MCP call at all: its scopes, its list of tools, its memory root. Decided before the audit's intent, so
// that a refusal is HTTP 403 in every revision and has no effect.
import type { Principal, Scope } from '../../auth/principal.ts';
import { AppError, toAppError } from '../../lib/app-error.ts';
import type { HttpPorts } from '../ports.ts';
import type { JsonRpcCall } from './prepared-call.ts';
import { toolRefusal } from '../tool-refusal.ts';
import { requiredScope } from './scope-check.ts';
import type { RegisteredTool } from './tool.ts';

export interface CallRefusal {
  error: AppError;
  /** The one that is missing. */
  scope?: Scope;
}

/** Resources show what these tools show: the list of tools and the limits of a key hold for both. */
const TOOL_OF_METHOD: ReadonlyMap<string, string> = new Map([
  ['resources/list', 'list_files'],
  ['resources/read', 'fetch'],
  ['resources/subscribe', 'fetch'],
]);

export function toolOfMethod(method: string): string | undefined {
  return TOOL_OF_METHOD.get(method);
}

export function callRefusal(
  call: JsonRpcCall,
  tool: RegisteredTool | undefined,
  principal: Principal,
  ports: Pick<HttpPorts, 'rootOf'>,
): CallRefusal | null {
  const scope = requiredScope(call, tool);
  if (scope === undefined) return null;
  if (!principal.scopes.has(scope)) {
    const error = new AppError('FORBIDDEN', `This key lacks the scope ${scope}`, {
      hint: `Use a key that has it: mem-agent keys create --name NAME --scopes ${scope}`,
    });
    return { error, scope };
  }
  const unlisted = toolRefusal(principal, tool?.name ?? toolOfMethod(call.method) ?? 'fetch');
  if (unlisted !== null) return { error: unlisted };
  try {
    ports.rootOf(principal);
    return null;
  } catch (error) {
    return { error: toAppError(error) };
  }
}
