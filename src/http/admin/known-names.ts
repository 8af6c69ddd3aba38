// Names in a request for a key that must be those of something: a memory root, a tool. A typo would else be a key that is refused
// everywhere, or a limit that limits nothing.
import type { Policy } from '../../auth/policy.ts';
import { AppError } from '../../lib/app-error.ts';
import { ALL_TOOLS } from '../mcp/tool-table.ts';
import type { AdminPorts } from './admin-ports.ts';

export interface NamedInKey {
  root?: string | undefined;
  policy?: Policy | undefined;
}

/** Throws INVALID_INPUT that says which names are known. */
export function refuseUnknownNames({ root, policy }: NamedInKey, ports: Pick<AdminPorts, 'rootNames'>): void {
  refuseUnknown('memory root', root === undefined ? [] : [root], ports.rootNames());
  const tools = [...(policy?.tools ?? []), ...Object.keys(policy?.limits?.toolCallsPerMinute ?? {})];
  refuseUnknown(
    'tool',
    tools,
    ALL_TOOLS.map(({ name }) => name),
  );
}

function refuseUnknown(what: string, names: readonly string[], known: readonly string[]): void {
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new AppError('INVALID_INPUT', `There is no ${what} "${unknown.slice(0, 64)}"`, {
    hint: `Known ${what}s: ${known.join(', ')}`,
  });
}
