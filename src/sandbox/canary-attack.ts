// One attack on planted canaries, and what it proves: the attacker is assumed to have left the interpreter.
// Guarantee: a wall counts as proven only if the same attack reaches every canary without it, and none with it.
import { mkdirSync } from 'node:fs';
import { CANARY_NAMES, plantCanaries, type CanaryName, type PlantedCanaries } from './canaries.ts';
import type { GuestLink } from './guest-link.ts';
import type { SandboxStatus } from './sandbox.ts';

export type WallState = SandboxStatus['walls']['process'];
export type CanaryTargets = Pick<PlantedCanaries, 'file' | 'port' | 'pid' | 'token'>;

export interface AttackResult {
  /** False when the attacker did not even start, for example because the kernel refuses namespaces. */
  ran: boolean;
  reached: Record<CanaryName, boolean>;
  /** Everything the attacker said of itself; not to be believed where a canary says otherwise. */
  claimed: Readonly<Record<string, unknown>>;
  complaint: string;
}

const ATTACK_TIMEOUT_MS = 10_000;
const MAX_REPORT_CHARACTERS = 4096;

/** Plants fresh canaries in `directory`, starts the attacker and says what it reached. */
export async function runAttack(
  directory: string,
  start: (targets: CanaryTargets) => GuestLink,
): Promise<AttackResult> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  await using canaries = await plantCanaries(directory);
  const { file, port, pid, token } = canaries;
  const link = start({ file, port, pid, token });
  let output = '';
  let complaint = '';
  link.output.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(0, MAX_REPORT_CHARACTERS);
  });
  link.complaints?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-1000);
  });
  const timer = setTimeout(() => link.kill(), ATTACK_TIMEOUT_MS);
  const how = await link.ended;
  clearTimeout(timer);
  const claimed = readReport(output);
  const touched = canaries.touched();
  return {
    ran: claimed !== null,
    reached: {
      file: claimed?.['file'] === true,
      environment: claimed?.['environment'] === true,
      port: claimed?.['port'] === true || touched.port,
      process: claimed?.['process'] === true || touched.process,
    },
    claimed: claimed ?? {},
    complaint: complaint.trim() === '' ? how : complaint,
  };
}

function readReport(output: string): Record<string, unknown> | null {
  try {
    const report: unknown = JSON.parse(output);
    return typeof report === 'object' && report !== null ? { ...report } : null;
  } catch {
    // No report: the attacker could not start (or was stopped); the caller decides what that means.
    return null;
  }
}

export function reachedNames(result: AttackResult): CanaryName[] {
  return CANARY_NAMES.filter((name) => result.reached[name]);
}

/** `missedByControl`: what the same attack did not reach without any wall. */
export function judge(result: AttackResult, missedByControl: readonly CanaryName[]): WallState {
  if (reachedNames(result).length > 0) return 'broken';
  if (!result.ran) return 'absent';
  return missedByControl.length === 0 ? 'proven' : 'unknown';
}

export interface Enclosed {
  name: string;
  attack(): Promise<AttackResult>;
}

export interface KernelVerdict<T> {
  state: WallState;
  /** The first that holds; null when none does. */
  chosen: T | null;
  /** What it said of itself. */
  claimed: Readonly<Record<string, unknown>>;
  reasons: string[];
}

/** Tries the kernel walls in order, until one holds. */
export async function findKernelWall<T extends Enclosed>(
  candidates: readonly T[],
  missedByControl: readonly CanaryName[],
): Promise<KernelVerdict<T>> {
  let state: WallState = 'absent';
  const reasons: string[] = [];
  for (const candidate of candidates) {
    const result = await candidate.attack();
    const judged = judge(result, missedByControl);
    if (judged === 'proven' || judged === 'unknown')
      return { state: judged, chosen: candidate, claimed: result.claimed, reasons };
    if (judged === 'broken') {
      state = 'broken';
      reasons.push(`an attacker behind ${candidate.name} reached ${reachedNames(result).join(', ')}`);
    } else
      reasons.push(`${candidate.name} does not work here: ${result.complaint.trim().split('\n')[0]?.slice(0, 200)}`);
  }
  if (candidates.length === 0) reasons.push('neither bwrap nor unshare with setpriv was found');
  return { state, chosen: null, claimed: {}, reasons };
}

/** What the attack did not reach without walls, and the sentence that says what this means. */
export function weighControl(control: AttackResult): { missed: CanaryName[]; reasons: string[] } {
  const missed = CANARY_NAMES.filter((name) => !control.reached[name]);
  const reasons =
    missed.length === 0 ? [] : [`the self-test's own control did not reach ${missed.join(', ')}, so it proves nothing`];
  return { missed, reasons };
}
