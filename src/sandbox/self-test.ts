// The daemon attacks its own sandbox: planted canaries, an attacker that is assumed to have left the interpreter.
// Guarantee: a wall counts as proven only if the same attack reaches every canary without it, and none with it.
import { mkdirSync } from 'node:fs';
import { CANARY_NAMES, CANARY_VARIABLE, plantCanaries, type CanaryName } from './canaries.ts';
import { createNoWall, type KernelWall } from './kernel-wall.ts';
import { launch } from './launcher.ts';
import { killTree } from './process-tree.ts';
import type { SandboxStatus } from './sandbox.ts';

export type WallState = SandboxStatus['walls']['process'];

export interface ProbeResult {
  /** False when the attacker did not even start, for example because the kernel refuses namespaces. */
  ran: boolean;
  reached: Record<CanaryName, boolean>;
  stderr: string;
}

export interface ProbeOptions {
  directory: string;
  wall: KernelWall;
  permissionWall: boolean;
  /** Hands the canary's variable to the attacker: only the control does. */
  leakEnvironment?: boolean;
}

export interface WallReport {
  process: WallState;
  kernel: WallState;
  kernelWall: KernelWall;
  reason: string;
}

const PROBE_TIMEOUT_MS = 10_000;

/** Runs the attacker once behind the given walls and says what it reached. */
export async function runProbe(options: ProbeOptions): Promise<ProbeResult> {
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  await using canaries = await plantCanaries(options.directory);
  const { file, port, pid, token } = canaries;
  const child = launch({
    wall: options.wall,
    permissionWall: options.permissionWall,
    entry: 'probe',
    snapshotFile: null,
    arguments: [options.permissionWall ? 'hardened' : 'bare', JSON.stringify({ file, port, pid, token })],
    ...(options.leakEnvironment === true ? { environment: { [CANARY_VARIABLE]: token } } : {}),
  });
  let output = '';
  let stderr = '';
  child.stdin.on('error', () => undefined);
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(0, 4096)));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-1000)));
  const timer = setTimeout(() => {
    if (child.pid !== undefined) killTree(child.pid);
  }, PROBE_TIMEOUT_MS);
  await new Promise<void>((resolve) => {
    child.once('close', () => resolve()).once('error', () => resolve());
  });
  clearTimeout(timer);
  return readResult(output, stderr, canaries.touched());
}

function readResult(output: string, stderr: string, touched: { port: boolean; process: boolean }): ProbeResult {
  let claimed: Partial<Record<CanaryName, unknown>> = {};
  let ran = false;
  try {
    claimed = JSON.parse(output) as typeof claimed;
    ran = true;
  } catch {
    // No report: the attacker could not start (or was stopped); the caller decides what that means.
  }
  const reached = {
    file: claimed.file === true,
    environment: claimed.environment === true,
    port: claimed.port === true || touched.port,
    process: claimed.process === true || touched.process,
  };
  return { ran, reached, stderr };
}

function reachedNames(result: ProbeResult): CanaryName[] {
  return CANARY_NAMES.filter((name) => result.reached[name]);
}

/** Proves walls 2 and 3 each alone, and picks the strongest kernel wall that holds. */
export async function testWalls(options: {
  directory: string;
  candidates: readonly KernelWall[];
}): Promise<WallReport> {
  const noWall = createNoWall();
  const { directory } = options;
  const control = await runProbe({ directory, wall: noWall, permissionWall: false, leakEnvironment: true });
  const missed = CANARY_NAMES.filter((name) => !control.reached[name]);
  const behindProcess = await runProbe({ directory, wall: noWall, permissionWall: true });
  const reasons: string[] = [];
  if (missed.length > 0)
    reasons.push(`the self-test's own control did not reach ${missed.join(', ')}, so it proves nothing`);
  const processState = judge(behindProcess, missed);
  if (processState === 'broken')
    reasons.push(`an attacker behind the process wall reached ${reachedNames(behindProcess).join(', ')}`);

  let kernelState: WallState = 'absent';
  for (const wall of options.candidates) {
    const result = await runProbe({ directory, wall, permissionWall: false });
    const state = judge(result, missed);
    if (state === 'proven' || state === 'unknown')
      return { process: processState, kernel: state, kernelWall: wall, reason: reasons.join('; ') };
    if (state === 'broken') {
      kernelState = 'broken';
      reasons.push(`an attacker behind ${wall.name} reached ${reachedNames(result).join(', ')}`);
    } else reasons.push(`${wall.name} does not work here: ${result.stderr.trim().split('\n')[0]?.slice(0, 200) ?? ''}`);
  }
  if (options.candidates.length === 0) reasons.push('neither bwrap nor unshare with setpriv was found');
  return { process: processState, kernel: kernelState, kernelWall: noWall, reason: reasons.join('; ') };
}

function judge(result: ProbeResult, missedByControl: readonly CanaryName[]): WallState {
  if (reachedNames(result).length > 0) return 'broken';
  if (!result.ran) return 'absent';
  return missedByControl.length === 0 ? 'proven' : 'unknown';
}
