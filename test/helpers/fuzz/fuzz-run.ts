// Runs a fuzz: so many cases at a daemon of its own, with a seed that is printed, and what must hold once all is over.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { startDaemon, type DaemonProcess } from '../start-daemon.ts';
import { createFuzzClient, type FuzzCase } from './fuzz-client.ts';

export const CASES = process.env['MEMA_FULL'] === '1' ? 1_000_000 : 10_000;
/** A long run takes several daemons: the log is kept in memory by the test, and to prove an audit takes longer the longer it is. */
const CASES_A_DAEMON = 10_000;

export interface FuzzPlan {
  name: string;
  flags?: readonly string[];
  port(daemon: DaemonProcess): number;
  prepare(daemon: DaemonProcess): Promise<fc.Arbitrary<FuzzCase>>;
  /** When the daemon was found unharmed. */
  end?(daemon: DaemonProcess): Promise<void>;
}

export async function runFuzz(plan: FuzzPlan, log: (line: string) => void): Promise<void> {
  for (let done = 0; done < CASES; done += CASES_A_DAEMON) {
    const seed = Number(process.env['MEMA_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    await fuzzOne(plan, Math.min(CASES_A_DAEMON, CASES - done), seed, log);
  }
}

async function fuzzOne(plan: FuzzPlan, numRuns: number, seed: number, log: (line: string) => void): Promise<void> {
  log(`${plan.name}: ${numRuns} cases, seed ${seed} (again: MEMA_SEED=${seed})`);
  await using daemon = await startDaemon(plan.flags === undefined ? {} : { flags: plan.flags });
  using client = createFuzzClient();
  const port = plan.port(daemon);
  const cases = await plan.prepare(daemon);
  const property = fc.asyncProperty(cases, async (one) => {
    assert.deepEqual(await client.judge(port, one), []);
  });
  await fc.assert(property, { numRuns, seed, interruptAfterTimeLimit: 3_600_000 });
  const statuses = [...client.statuses]
    .toSorted(([one], [other]) => one - other)
    .map(([status, count]) => `${status}: ${count}`);
  log(
    `${plan.name}: ${statuses.join(', ')}; slowest ${Math.round(client.slowestMs)} ms, asked again ${client.reasked}`,
  );
  await assertUnharmed(daemon);
  await plan.end?.(daemon);
}

async function assertUnharmed(daemon: DaemonProcess): Promise<void> {
  process.kill(daemon.pid, 0);
  const ready = await fetch(`${daemon.opsUrl}/readyz`);
  assert.equal(ready.status, 200, await ready.text());
  const status = await daemon.cli('status', '--json');
  assert.equal((JSON.parse(status.stdout) as { pid: number }).pid, daemon.pid, status.stderr);
  const verified = await daemon.cli('audit', 'verify', '--json');
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  const metrics = await (await fetch(`${daemon.opsUrl}/metrics`)).text();
  assert.doesNotMatch(metrics, /^memagent_http_requests_total\{[^}]*(status|code)="5\d\d"[^}]*\} [1-9]/m);
  const log = daemon.stderr();
  assert.doesNotMatch(log, /"code":"INTERNAL"|unhandled|uncaught/i);
}
