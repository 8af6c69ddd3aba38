// What Python calls in a run: the memory functions with the returns and error strings that the model was trained on.
// Guarantee: a refusal is an answer the model can read; only what must end the run is thrown as an `AppError`.
import type { NoteOperation } from '../../audit/audit-log.ts';
import type { Scope } from '../../auth/principal.ts';
import type { AppError } from '../../lib/app-error.ts';
import type { MemoryRoot } from '../../memory/memory-root.ts';
import { GuestError, type OnCall } from '../../sandbox/sandbox.ts';
import { asRefusal } from './fatal-error.ts';
import { createFileOperations } from './file-operations.ts';
import { RunNotes, type PathRefusal } from './run-notes.ts';

export interface MemoryFunctionsOptions {
  root: MemoryRoot;
  scopes: ReadonlySet<Scope>;
  /** Awaited before each effect; what it throws ends the run. */
  record(operation: NoteOperation): Promise<void>;
  /** The whole text of each note that the run sees, or sees a part of. */
  onText?(text: string): void;
  /** A path was asked for that this caller may not have. */
  onRefused?(refusal: PathRefusal): void;
  /** Most hits that `search_memory` gives. */
  searchLimit?: number;
}

export interface MemoryFunctions {
  onCall: OnCall;
  counts(): { notesRead: number; notesWritten: number };
}

export type PythonFunction = (...args: readonly unknown[]) => Promise<unknown>;

const QUOTED_CHARACTERS = 50;
const MAX_QUERY_CHARACTERS = 2000;

export function createMemoryFunctions(options: MemoryFunctionsOptions): MemoryFunctions {
  const notes = new RunNotes(options);
  const functions = new Map<string, PythonFunction>([
    ...Object.entries(createNoteFunctions(notes, options.searchLimit ?? 50)),
    ...Object.entries(createFileOperations(notes)),
  ]);
  const onCall: OnCall = async (name, args) => {
    const call = functions.get(name);
    if (call === undefined) throw new GuestError('NameError', `name '${name}' is not defined`);
    try {
      return await call(...args);
    } catch (error) {
      if (error instanceof GuestError) throw error;
      throw asGuestError(asRefusal(error));
    }
  };
  return { onCall, counts: () => notes.counts() };
}

function createNoteFunctions(notes: RunNotes, searchLimit: number): Record<string, PythonFunction> {
  return {
    create_file: async (path, content = '') => {
      const shown = show(path);
      if (typeof path !== 'string' || typeof content !== 'string') {
        throw new GuestError('Exception', `Error creating file ${shown}: path and content must be str`);
      }
      const relative = RunNotes.relative(path);
      try {
        await notes.write(relative, content);
        return true;
      } catch (error) {
        throw new GuestError('Exception', `Error creating file ${shown}: ${creationFailure(asRefusal(error), shown)}`);
      }
    },

    update_file: async (path, oldContent, newContent) => {
      if (typeof path !== 'string') return `Error: File '${show(path)}' does not exist`;
      if (typeof oldContent !== 'string' || typeof newContent !== 'string') {
        return 'Error: Unexpected error - old_content and new_content must be str';
      }
      try {
        await notes.replace(RunNotes.relative(path), oldContent, newContent);
        return true;
      } catch (error) {
        return updateFailure(asRefusal(error), path, oldContent);
      }
    },

    read_file: async (path) => {
      const shown = show(path);
      if (typeof path !== 'string') return `Error: File ${shown} does not exist`;
      try {
        return await notes.readText(RunNotes.relative(path));
      } catch (error) {
        return readFailure(asRefusal(error), shown, `Error: File ${shown} does not exist`);
      }
    },

    go_to_link: async (link) => {
      const shown = show(link);
      if (typeof link !== 'string') return `Error: File ${shown} not found`;
      const bare = linkTarget(link);
      try {
        const resolved = await notes.resolveLink(link);
        return await notes.readText(resolved ?? RunNotes.relative(bare));
      } catch (error) {
        return readFailure(asRefusal(error), link, `Error: File ${bare} not found`);
      }
    },

    delete_file: async (path) => {
      if (typeof path !== 'string') return false;
      return succeeds(notes.delete(RunNotes.relative(path)));
    },

    create_dir: async (path) => {
      if (typeof path !== 'string') return false;
      return succeeds(notes.createDirectory(RunNotes.relative(path)));
    },

    check_if_file_exists: async (path) => {
      if (typeof path !== 'string' || path === '') return false;
      return isKind(notes, path, 'file');
    },

    check_if_dir_exists: async (path) => {
      if (typeof path !== 'string' || path === '') return false;
      return isKind(notes, path, 'directory');
    },

    list_files: async () => {
      try {
        return await notes.tree();
      } catch (error) {
        return `Error: ${asRefusal(error).userMessage}`;
      }
    },

    get_size: async (path) => {
      if (typeof path !== 'string') throw new GuestError('FileNotFoundError', `Path not found: ${show(path)}`);
      try {
        return await notes.sizeBytes(RunNotes.relative(path));
      } catch (error) {
        const refusal = asRefusal(error);
        if (refusal.code === 'FORBIDDEN') throw refusal;
        throw new GuestError('FileNotFoundError', `Path not found: ${path}`);
      }
    },

    search_memory: async (query, limit = 5) => {
      if (typeof query !== 'string') throw new GuestError('TypeError', 'query must be a str');
      if (typeof limit !== 'number' || !Number.isInteger(limit)) {
        throw new GuestError('TypeError', 'limit must be an int');
      }
      const count = Math.min(Math.max(limit, 1), searchLimit);
      const hits = await notes.search(query.slice(0, MAX_QUERY_CHARACTERS), count);
      return hits.map(({ path, title, snippet }) => ({ path, title, snippet }));
    },
  };
}

async function succeeds(effect: Promise<void>): Promise<boolean> {
  try {
    await effect;
    return true;
  } catch (error) {
    const refusal = asRefusal(error);
    // A missing scope is worth saying: `False` would send the model looking for another reason.
    if (refusal.code === 'FORBIDDEN') throw refusal;
    return false;
  }
}

async function isKind(notes: RunNotes, path: string, kind: 'file' | 'directory'): Promise<boolean> {
  try {
    return (await notes.stat(RunNotes.relative(path)))?.kind === kind;
  } catch (error) {
    const refusal = asRefusal(error);
    if (refusal.code === 'FORBIDDEN') throw refusal;
    return false;
  }
}

function creationFailure(refusal: AppError, shown: string): string {
  if (refusal.code === 'TOO_LARGE') return `File ${shown} is too large to create`;
  if (refusal.code === 'VERSION_CONFLICT') {
    return `File ${shown} already exists; read it first or use update_file`;
  }
  if (refusal.code === 'NOT_A_FILE') return `${shown} is a directory`;
  return refusal.userMessage;
}

function updateFailure(refusal: AppError, path: string, oldContent: string): string {
  switch (refusal.code) {
    case 'NOT_FOUND':
      return `Error: File '${path}' does not exist`;
    case 'NOT_A_FILE':
      return `Error: '${path}' is not a file`;
    case 'NO_MATCH':
      return `Error: Could not find the specified content in the file. Looking for: '${oldContent.slice(0, QUOTED_CHARACTERS)}...'`;
    case 'NO_CHANGE':
      return 'Error: No changes were made to the file';
    case 'PERMISSION_DENIED':
      return `Error: Permission denied writing to '${path}'`;
    case 'FORBIDDEN':
      return `Error: ${refusal.message}`;
    default:
      return `Error: Unexpected error - ${refusal.userMessage}`;
  }
}

function readFailure(refusal: AppError, shown: string, missing: string): string {
  switch (refusal.code) {
    case 'NOT_FOUND':
    case 'NOT_A_DIRECTORY':
      return missing;
    case 'NOT_A_FILE':
      return `Error: ${shown} is not a file`;
    case 'PERMISSION_DENIED':
      return `Error: Permission denied accessing ${shown}`;
    default:
      return `Error: ${refusal.userMessage}`;
  }
}

/** `[[x|alias#part]]` -> `x.md`, as the original names the file in its errors. */
function linkTarget(link: string): string {
  const match = /^\s*\[\[(.*)\]\]\s*$/s.exec(link);
  if (match === null) return link;
  const target = (match[1] ?? '').split(/[|#]/, 1)[0]?.trim() ?? '';
  return target.endsWith('.md') ? target : `${target}.md`;
}

function asGuestError(refusal: AppError): GuestError {
  return new GuestError(refusal.code === 'FORBIDDEN' ? 'PermissionError' : 'Exception', refusal.userMessage);
}

function show(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? 'None' : JSON.stringify(value).slice(0, 200);
}
