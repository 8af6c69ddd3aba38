// A state directory whose audit has as many records as a busy year, written by the daemon's own parts, chain and usage included.
import { systemClock } from '../../src/lib/clock.ts';
import { openStoreParts } from '../../src/daemon/store-parts.ts';

const AT_ONCE = 2000;
const RECORDS_PER_CALL = 3;
const TOOLS = ['fetch', 'search', 'list_files', 'use_memory_agent'] as const;

/** The directory must not be there yet, or hold a state that no daemon has open. Returns how many it wrote. */
export async function writeLongAudit(stateDirectory: string, records: number): Promise<number> {
  await using parts = await openStoreParts({
    stateDirectory,
    auditContent: 'digest',
    clock: systemClock,
    onWriteError: (error) => {
      throw error;
    },
    onAuditRecord: () => undefined,
    onAuditProblem: (error) => {
      throw error;
    },
  });
  const calls = Math.ceil(records / RECORDS_PER_CALL);
  for (let first = 0; first < calls; first += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, calls - first) }, (_, index) => first + index);
    await Promise.all(
      numbers.map(async (number) => {
        const tool = TOOLS[number % TOOLS.length] ?? 'fetch';
        const call = await parts.audit.begin(
          {
            requestId: `r_${number}`,
            actor: { kind: 'key', id: `k_${number % 50}` },
            transport: 'http',
            action: `tool.${tool}`,
            root: 'default',
          },
          [{ operation: 'note.read', path: `entities/person-${number % 500}.md` }],
        );
        await call.finish({ outcome: 'ok', durationMs: 3, usage: { tool, notesRead: 1, inputTokens: 900 } });
      }),
    );
  }
  return calls * RECORDS_PER_CALL;
}
