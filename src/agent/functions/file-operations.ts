// What `open`, `os` and `pathlib` become: file operations of Python code on notes, answered as an operating system would.
// Guarantee: the same scopes, records and conflict checks as the functions; errors are the OSErrors that code expects.
import { posix } from 'node:path';
import type { AppError, ErrorCode } from '../../lib/app-error.ts';
import { GuestError } from '../../sandbox/sandbox.ts';
import { asRefusal } from './fatal-error.ts';
import type { PythonFunction } from './memory-functions.ts';
import type { RunNotes } from './run-notes.ts';

const OS_ERRORS = {
  missing: ['FileNotFoundError', 2, 'No such file or directory'],
  exists: ['FileExistsError', 17, 'File exists'],
  notDirectory: ['NotADirectoryError', 20, 'Not a directory'],
  isDirectory: ['IsADirectoryError', 21, 'Is a directory'],
  denied: ['PermissionError', 13, 'Permission denied'],
  tooLarge: ['OSError', 27, 'File too large'],
  full: ['OSError', 28, 'No space left on device'],
  notEmpty: ['OSError', 39, 'Directory not empty'],
} as const;

const BY_CODE: Partial<Record<ErrorCode, keyof typeof OS_ERRORS>> = {
  NOT_FOUND: 'missing',
  NOT_A_FILE: 'isDirectory',
  NOT_A_DIRECTORY: 'notDirectory',
  ALREADY_EXISTS: 'exists',
  PERMISSION_DENIED: 'denied',
  TOO_LARGE: 'tooLarge',
  QUOTA_EXCEEDED: 'full',
  DISK_FULL: 'full',
};

export function createFileOperations(notes: RunNotes): Record<string, PythonFunction> {
  const operations: Record<string, (path: string, second: unknown) => Promise<unknown>> = {
    'fs.read': async (path) => (await notes.readBytes(path)).toString('base64'),

    'fs.open': async (path, action) => openForWriting(notes, path, String(action)),

    'fs.write': async (path, text) => {
      if (typeof text !== 'string') throw new GuestError('TypeError', 'text must be a str');
      await notes.write(path, text);
    },

    'fs.list': async (path) => (await notes.list(path)).map(({ name, kind }) => [name, kind]),

    'fs.stat': async (path) => {
      const found = await notes.stat(path);
      if (found === null) throw osError('missing');
      return [found.kind, found.sizeBytes, found.modifiedAtMs / 1000];
    },

    'fs.mkdir': async (path) => {
      await needParent(notes, path);
      if (path === '' || (await notes.stat(path)) !== null) throw osError('exists');
      await notes.createDirectory(path);
    },

    'fs.remove': async (path) => {
      if ((await notes.stat(path))?.kind === 'directory') throw osError('isDirectory');
      await notes.delete(path);
    },

    'fs.rmdir': async (path) => {
      if ((await notes.list(path)).length > 0) throw osError('notEmpty');
      await notes.removeDirectory(path);
    },

    'fs.rename': async (from, to) => {
      if (typeof to !== 'string') throw new GuestError('TypeError', 'path must be a str');
      await needParent(notes, to);
      await notes.rename(from, to);
    },
  };
  return Object.fromEntries(Object.entries(operations).map(([name, operation]) => [name, answerAsSystem(operation)]));
}

function answerAsSystem(operation: (path: string, second: unknown) => Promise<unknown>): PythonFunction {
  return async (path, second) => {
    if (typeof path !== 'string') throw new GuestError('TypeError', 'path must be a str');
    try {
      return (await operation(path, second)) ?? null;
    } catch (error) {
      if (error instanceof GuestError) throw error;
      throw fromRefusal(asRefusal(error));
    }
  };
}

/** What `open` does before the first byte: the text that is there (base64), or the error that CPython would raise. */
async function openForWriting(notes: RunNotes, path: string, action: string): Promise<string> {
  notes.needScope('memory:write');
  const found = await notes.stat(path);
  if (found?.kind === 'directory') throw osError('isDirectory');
  if (found === null && action === 'r+') throw osError('missing');
  if (found !== null && action === 'x') throw osError('exists');
  if (found === null) await needParent(notes, path);
  await notes.needWritable(path);
  if (found === null) return '';
  if (action === 'a' || action === 'r+') return (await notes.readBytes(path)).toString('base64');
  if (!notes.mayReplace(path)) throw conflict();
  return '';
}

async function needParent(notes: RunNotes, path: string): Promise<void> {
  const parent = posix.dirname(path);
  if (parent === '.') return;
  const found = await notes.stat(parent);
  if (found === null) throw osError('missing');
  if (found.kind === 'file') throw osError('notDirectory');
}

function osError(kind: keyof typeof OS_ERRORS): GuestError {
  const [pythonType, errno, message] = OS_ERRORS[kind];
  return new GuestError(pythonType, message, errno);
}

function conflict(): GuestError {
  return new GuestError('FileExistsError', 'File exists; read it first or use update_file', 17);
}

function fromRefusal(refusal: AppError): GuestError {
  if (refusal.code === 'VERSION_CONFLICT') return conflict();
  if (refusal.code === 'FORBIDDEN') return new GuestError('PermissionError', refusal.message, 13);
  const kind = BY_CODE[refusal.code];
  return kind === undefined ? new GuestError('OSError', refusal.userMessage, 22) : osError(kind);
}
