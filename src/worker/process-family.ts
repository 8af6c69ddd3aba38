// Everything that one started engine became: its group, its session, its descendants, and whoever carries its mark in the
// environment, so that a child which left the group is found as well.
// Guarantee: a process is counted in only when the leader's start time or the mark proves whose it is; never this process
// or one above it.
import { systemErrorCode } from '../lib/app-error.ts';
import { hasVariable, readProcess, readProcessTable } from './process-table.ts';
import type { ProcessRow } from './process-table.ts';

export const MARK_VARIABLE = 'MEM_AGENT_WORKER_ID';

/** What is needed to know a started engine again. */
export interface FamilyMark {
  /** A UUID in the environment of all of them. */
  mark: string;
  /** The process that was spawned; null when there was none yet. */
  leader: { pid: number; startToken: string } | null;
}

/** The living members, the leader first. */
export type FindFamily = (family: FamilyMark) => ProcessRow[];

export const findFamily: FindFamily = ({ mark, leader }) => {
  const rows = readProcessTable().filter((row) => !row.isZombie);
  const ourselves = ancestorsAndSelf(rows);
  // Who is older than the leader can't be of its family; reading everybody's environment would take long.
  const others = rows.filter((row) => !ourselves.has(row.pid) && !isOlder(row, leader));
  const marked = others.filter((row) => hasVariable(row.pid, MARK_VARIABLE, mark));
  const members = new Map<number, ProcessRow>();
  if (leader !== null) {
    const alive = others.find((row) => row.pid === leader.pid && row.startToken === leader.startToken);
    const inGroup = others.filter((row) => row.groupId === leader.pid || row.sessionId === leader.pid);
    // The number of a dead leader may be somebody else's by now: then a marked member must vouch for the group.
    if (alive !== undefined) members.set(alive.pid, alive);
    if (alive !== undefined || inGroup.some((row) => marked.includes(row)))
      for (const row of inGroup) members.set(row.pid, row);
  }
  for (const row of marked) members.set(row.pid, row);
  addDescendants(members, others);
  return [...members.values()];
};

export function isAlive({ pid, startToken }: { pid: number; startToken: string }): boolean {
  const row = readProcess(pid);
  return row !== null && !row.isZombie && row.startToken === startToken;
}

/** To each of them, and to the leader's group at once while it is known to be its own. */
export function signalFamily(
  members: readonly ProcessRow[],
  signal: 'SIGTERM' | 'SIGKILL',
  groupId: number | null,
): void {
  if (groupId !== null && members.some((row) => row.groupId === groupId)) signalQuietly(-groupId, signal);
  for (const row of members) if (row.groupId !== groupId) signalQuietly(row.pid, signal);
}

export function signalQuietly(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // ESRCH: it is gone already, which is what was wanted. EPERM: what remains of the group is not ours to end.
    if (!['ESRCH', 'EPERM'].includes(systemErrorCode(error) ?? '')) throw error;
  }
}

/** Where start times are counts of ticks; elsewhere nobody is known to be. */
function isOlder(row: ProcessRow, leader: FamilyMark['leader']): boolean {
  return leader !== null && Number(row.startToken) < Number(leader.startToken);
}

function addDescendants(members: Map<number, ProcessRow>, rows: readonly ProcessRow[]): void {
  let grew = members.size > 0;
  while (grew) {
    const before = members.size;
    for (const row of rows) if (members.has(row.parentPid)) members.set(row.pid, row);
    grew = members.size > before;
  }
}

function ancestorsAndSelf(rows: readonly ProcessRow[]): Set<number> {
  const parents = new Map(rows.map((row) => [row.pid, row.parentPid]));
  const found = new Set<number>([0, 1]);
  for (let pid: number | undefined = process.pid; pid !== undefined && !found.has(pid); pid = parents.get(pid))
    found.add(pid);
  return found;
}
