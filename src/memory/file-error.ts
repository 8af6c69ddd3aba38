// Turns what the file system throws into errors that a user can act on, without absolute paths in their text.

import { AppError, systemErrorCode } from '../lib/app-error.ts';
import { displayPath } from './note-path.ts';

/** Always throws; the return type lets callers write `throw`-less one-liners that TypeScript understands. */
export function rethrowFileError(error: unknown, path: string): never {
  throw toFileError(error, path);
}

export function toFileError(error: unknown, path: string): AppError {
  if (error instanceof AppError) return error;
  const shown = displayPath(path);
  switch (systemErrorCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new AppError('NOT_FOUND', `'${shown}' does not exist`, {
        hint: 'List the files to see what is there',
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
      return new AppError('PERMISSION_DENIED', `Permission denied on '${shown}'`, {
        hint: 'Give the user that runs mem-agent access to the file',
        cause: error,
      });
    case 'EROFS':
      return new AppError('PERMISSION_DENIED', `'${shown}' is on a read-only file system`, {
        hint: 'Remount it writable, or set memory.dir to another directory',
        cause: error,
      });
    case 'ENOSPC':
    case 'EDQUOT':
      return new AppError('DISK_FULL', `No space left to write '${shown}'; nothing was changed`, {
        hint: 'Free some disk space, then try again',
        cause: error,
      });
    case 'ENAMETOOLONG':
    case 'ELOOP':
      return new AppError('PATH_REFUSED', `The path '${shown}' cannot be followed`, {
        hint: 'Use a shorter path without symbolic link loops',
        cause: error,
      });
    case 'EISDIR':
      return new AppError('NOT_A_FILE', `'${shown}' is not a file`, { hint: 'Give the path of a note', cause: error });
    case 'EEXIST':
      return new AppError('ALREADY_EXISTS', `'${shown}' exists already`, { hint: 'Choose another path', cause: error });
    case 'ENOTEMPTY':
      return new AppError('INVALID_INPUT', `The directory '${shown}' is not empty`, {
        hint: 'Delete what is in it first',
        cause: error,
      });
    default:
      return new AppError('MEMORY_UNAVAILABLE', `The memory directory failed on '${shown}'`, {
        hint: 'See the cause in the log; check the disk and the permissions',
        cause: error,
      });
  }
}
