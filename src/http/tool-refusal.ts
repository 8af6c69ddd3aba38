// A key's list of tools, for the tools themselves and for whatever shows the same: a list that leaves one out closes that as well.
import type { Principal } from '../auth/principal.ts';
import { AppError } from '../lib/app-error.ts';

/** Null: it may call it, as far as the list goes. */
export function toolRefusal({ policy }: Principal, tool: string): AppError | null {
  const tools = policy?.tools;
  if (tools === undefined || tools.includes(tool)) return null;
  return new AppError('FORBIDDEN', `This key may not call ${tool}`, {
    hint: `It may call ${tools.join(', ') || 'no tool'}; allow more with: mem-agent keys set ID --tool ${tool}`,
  });
}
