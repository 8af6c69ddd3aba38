// A started process and everything below it: how much memory it holds, and its end.
// Guarantee: `killTree` sends SIGKILL to the whole group and to descendants that left it; it never signals anything else.
import { readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;
const MAX_PROCESSES = 64;

/** The process and its descendants, by the kernel's own list of children; only the process itself where there is no /proc. */
export function listTree(rootPid: number): number[] {
  const found = [rootPid];
  for (let index = 0; index < found.length && found.length < MAX_PROCESSES; index += 1) {
    const pid = found[index] ?? 0;
    const children = readProc(`/proc/${pid}/task/${pid}/children`);
    for (const child of children.split(' ')) if (child !== '') found.push(Number(child));
  }
  return found;
}

/** Resident bytes of the tree and its number of processes; 0 bytes where the system does not tell. */
export function measureTree(rootPid: number): { residentBytes: number; processes: number } {
  const pids = listTree(rootPid);
  let pages = 0;
  for (const pid of pids) pages += Number(readProc(`/proc/${pid}/statm`).split(' ')[1] ?? 0);
  return { residentBytes: pages * PAGE_BYTES, processes: pids.length };
}

export function killTree(rootPid: number): void {
  const descendants = listTree(rootPid).slice(1);
  signalQuietly(-rootPid);
  signalQuietly(rootPid);
  for (const pid of descendants) signalQuietly(pid);
}

function signalQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: it is gone already, which is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function readProc(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd();
  } catch {
    // The process ended between two looks, or there is no /proc on this system.
    return '';
  }
}
