// The end of an engine and of everything it started: asked to stop, given its time, then killed, until none is left.
// Guarantee: resolves with the members that could not be ended, an empty list in all but broken systems; bounded in time.
import { setTimeout as sleep } from 'node:timers/promises';
import { signalFamily, signalQuietly } from './process-family.ts';
import type { FamilyMark, FindFamily } from './process-family.ts';
import type { ProcessRow } from './process-table.ts';

export interface EndFamilyOptions {
  family: FamilyMark;
  findFamily: FindFamily;
  /** Until SIGKILL; 0 kills at once. */
  graceMs: number;
  /** SIGTERM to the leader alone at first, because it looks after its own. */
  leaderFirst: boolean;
  /** How long SIGKILL may take. */
  killWaitMs?: number;
}

const LOOK_EVERY_MS = 50;
/** Dying of SIGKILL takes long only in the kernel, for example while a driver frees the GPU. */
const KILL_WAIT_MS = 10_000;

export async function endFamily(options: EndFamilyOptions): Promise<ProcessRow[]> {
  const { family, findFamily, graceMs, leaderFirst, killWaitMs = KILL_WAIT_MS } = options;
  const groupId = family.leader?.pid ?? null;
  let members = findFamily(family);
  if (graceMs > 0 && members.length > 0) {
    const deadline = performance.now() + graceMs;
    const leader = leaderFirst ? members.find((row) => row.pid === groupId) : undefined;
    if (leader !== undefined) {
      signalQuietly(leader.pid, 'SIGTERM');
      while (members.some((row) => row.pid === leader.pid) && performance.now() < deadline) {
        await sleep(LOOK_EVERY_MS);
        members = findFamily(family);
      }
    }
    signalFamily(members, 'SIGTERM', groupId);
    while (members.length > 0 && performance.now() < deadline) {
      await sleep(LOOK_EVERY_MS);
      members = findFamily(family);
    }
  }
  // Again and again: between a look and a signal a dying process may have started another.
  const lastLook = performance.now() + killWaitMs;
  while (members.length > 0 && performance.now() < lastLook) {
    signalFamily(members, 'SIGKILL', groupId);
    await sleep(LOOK_EVERY_MS);
    members = findFamily(family);
  }
  return members;
}
