// The system's processes as this user may see them: from /proc, or from `ps` where there is none.
// Guarantee: a row's `startToken` with its pid names one process for good, also after the number was given away again.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessRow {
  pid: number;
  parentPid: number;
  groupId: number;
  /** 0 where the system does not tell. */
  sessionId: number;
  startToken: string;
  /** Used so far, by the process and its waited-for children not counted. */
  cpuMs: number;
  /** Ended, and only not waited for. */
  isZombie: boolean;
}

const TICK_MS = 10;
const HAS_PROC = process.platform === 'linux';
const LARGEST_PS_BYTES = 16 * 1024 * 1024;

export function readProcessTable(): ProcessRow[] {
  return HAS_PROC ? readAllOfProc() : parsePsOutput(runPs(['-axo', PS_COLUMNS]));
}

/** Null when there is no such process any more. */
export function readProcess(pid: number): ProcessRow | null {
  if (HAS_PROC) return parseProcStat(readProc(`/proc/${pid}/stat`));
  return parsePsOutput(runPs(['-o', PS_COLUMNS, '-p', String(pid)]))[0] ?? null;
}

/** Its environment holds this variable with this value; false where that can't be read. */
export function hasVariable(pid: number, name: string, value: string): boolean {
  if (!HAS_PROC) return false;
  return `\0${readProc(`/proc/${pid}/environ`)}\0`.includes(`\0${name}=${value}\0`);
}

/** Bytes read and written so far by any means; 0 where the system does not tell. */
export function readIoBytes(pid: number): number {
  const text = HAS_PROC ? readProc(`/proc/${pid}/io`) : '';
  return [...text.matchAll(/^(?:rchar|wchar|read_bytes): (\d+)$/gm)].reduce((sum, match) => sum + Number(match[1]), 0);
}

/** Differs after each boot; empty where the system does not tell. */
export function readBootId(): string {
  if (HAS_PROC) return readProc('/proc/sys/kernel/random/boot_id').trim();
  return runTool('sysctl', ['-n', 'kern.boottime']).trim();
}

/** The command may hold blanks and parentheses, so fields count from the last parenthesis. */
export function parseProcStat(text: string): ProcessRow | null {
  const pid = Number.parseInt(text, 10);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const startToken = fields[19];
  if (!Number.isSafeInteger(pid) || startToken === undefined) return null;
  return {
    pid,
    parentPid: Number(fields[1]),
    groupId: Number(fields[2]),
    sessionId: Number(fields[3]),
    startToken,
    cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
    isZombie: fields[0] === 'Z' || fields[0] === 'X',
  };
}

const PS_COLUMNS = 'pid=,ppid=,pgid=,stat=,time=,lstart=';

export function parsePsOutput(text: string): ProcessRow[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(?:(\d+)-)?([\d:.]+)\s+(\S.*\S)\s*$/.exec(line);
    if (match === null) return [];
    const [, pid, parentPid, groupId, stat = '', days = '0', time = '', startToken = ''] = match;
    const seconds = time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
    return [
      {
        pid: Number(pid),
        parentPid: Number(parentPid),
        groupId: Number(groupId),
        sessionId: 0,
        startToken,
        cpuMs: (Number(days) * 86_400 + seconds) * 1000,
        isZombie: stat.startsWith('Z'),
      },
    ];
  });
}

function readAllOfProc(): ProcessRow[] {
  return readdirSync('/proc').flatMap((name) => {
    const row = /^\d+$/.test(name) ? parseProcStat(readProc(`/proc/${name}/stat`)) : null;
    return row === null ? [] : [row];
  });
}

function readProc(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    // It ended between two looks, or belongs to somebody else.
    return '';
  }
}

function runPs(args: readonly string[]): string {
  return runTool('ps', args);
}

function runTool(tool: string, args: readonly string[]): string {
  try {
    return execFileSync(tool, args, {
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: LARGEST_PS_BYTES,
      timeout: 5000,
    });
  } catch {
    // `ps` ends with 1 when the process asked for is gone.
    return '';
  }
}
