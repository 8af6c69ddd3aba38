// Whether a caller may make an MCP call at all: its scopes, its list of tools, its memory root. Decided before the audit's intent, so
// that a refusal is HTTP 403 in every revision and has no effect.
import type { Principal, Scope } from '../../auth/principal.ts';
import { AppError, toAppError } from '../../lib/app-error.ts';
import type { HttpPorts } from '../ports.ts';
import type { JsonRpcCall } from './prepared-call.ts';
import { requiredScope } from './scope-check.ts';
import type { RegisteredTool } from './tool.ts';

export interface CallRefusal {
  error: AppError;
  /** The one that is missing. */
  scope?: Scope;
}

/** Resources show what these tools show: a list of tools that leaves them out closes them as well. */
const TOOL_OF_METHOD: ReadonlyMap<string, string> = new Map([
  ['resources/list', 'list_files'],
  ['resources/read', 'fetch'],
  ['resources/subscribe', 'fetch'],
]);

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
  const name = tool?.name ?? TOOL_OF_METHOD.get(call.method) ?? 'fetch';
  const { tools } = principal.policy ?? {};
  if (tools?.includes(name) === false) {
    const error = new AppError('FORBIDDEN', `This key may not call ${name}`, {
      hint: `It may call ${tools.join(', ') || 'no tool'}; allow more with: mem-agent keys set ID --tool ${name}`,
    });
    return { error };
  }
  try {
    ports.rootOf(principal);
    return null;
  } catch (error) {
    return { error: toAppError(error) };
  }
}
