// Reads small text files of the configuration, with one wording for what can go wrong.
import { readFileSync, statSync } from 'node:fs';
import { systemErrorCode } from '../lib/app-error.ts';
import type { ConfigProblem } from './config-error.ts';

const MAX_FILE_BYTES = 1024 * 1024;

export type FileText =
  | { kind: 'text'; text: string }
  | { kind: 'missing' }
  | { kind: 'failed'; problem: ConfigProblem };

/** Never throws. `missing` covers a missing directory too. */
export function readTextFile(path: string): FileText {
  const failed = (message: string, fix: string): FileText => ({
    kind: 'failed',
    problem: { key: '', source: path, value: '', message, fix },
  });
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return { kind: 'missing' };
    if (stat.isDirectory()) return failed('it is a directory, not a file', 'Name a file');
    // Opening one waits for somebody to write; those of the shell, <(…), have a writer.
    if (stat.isFIFO() && !path.startsWith('/dev/')) return failed('it is a pipe, not a file', 'Name a file');
    if (stat.size > MAX_FILE_BYTES)
      return failed(`it has ${stat.size} bytes`, `Name a file below ${MAX_FILE_BYTES} bytes`);
    return { kind: 'text', text: readFileSync(path, 'utf8').replace(/^\uFEFF/, '') };
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOTDIR') return { kind: 'missing' };
    if (code === 'EACCES' || code === 'EPERM') {
      return failed(
        'permission denied',
        'Run as the user the file belongs to, or set $CONFIGURATION_DIRECTORY to a directory of your own',
      );
    }
    return failed(`it cannot be read (${code ?? 'unknown reason'})`, 'Check the file and its file system');
  }
}

/** True if people besides the owner may read the file. */
export function isReadableByOthers(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && (stat.mode & 0o077) !== 0;
}
