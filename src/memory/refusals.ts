// The refusals of note operations, in one wording each.

import { AppError } from '../lib/app-error.ts';
import { displayPath } from './note-path.ts';

export function notFound(path: string): AppError {
  return new AppError('NOT_FOUND', `'${displayPath(path)}' does not exist`, {
    hint: 'List the files to see what is there',
  });
}

export function notAFile(path: string): AppError {
  return new AppError('NOT_A_FILE', `'${displayPath(path)}' is not a file`, { hint: 'Give the path of a note' });
}

export function notADirectory(path: string): AppError {
  return new AppError('NOT_A_DIRECTORY', `'${displayPath(path)}' is not a directory`, {
    hint: 'Give the path of a directory',
  });
}

export function refused(path: string, why: string): AppError {
  return new AppError('PATH_REFUSED', `'${displayPath(path)}' ${why}`, {
    hint: 'Choose another path inside the memory root',
  });
}

export function outsidePaths(path: string): AppError {
  return new AppError('PERMISSION_DENIED', `This key may not write '${displayPath(path)}'`, {
    hint: 'Choose a path it may write, or have its paths widened: mem-agent keys set ID --write-path FOLDER/',
  });
}

export function tooLarge(path: string, sizeBytes: number, maxFileBytes: number): AppError {
  return new AppError('TOO_LARGE', `'${displayPath(path)}' has ${sizeBytes} bytes; a file may have ${maxFileBytes}`, {
    hint: 'Split it into several notes, or raise memory.max_file_bytes',
  });
}
