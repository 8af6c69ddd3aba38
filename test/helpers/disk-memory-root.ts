// A small MemoryRoot over a real directory for tests of the listeners: real files and versions, a plain scan as search.
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { AppError } from '../../src/lib/app-error.ts';
import type { MemoryRoot, Note, WriteOptions } from '../../src/memory/memory-root.ts';

export function createDiskMemoryRoot(directory: string): MemoryRoot {
  const absolute = (path: string): string => {
    if (normalize(path).startsWith('..') || path.startsWith('/') || path.includes('\0'))
      throw new AppError('PATH_REFUSED', 'This path leaves the memory');
    return join(directory, path);
  };
  const versionOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);
  const readNote = (path: string): Note => {
    const file = absolute(path);
    if (!existsSync(file))
      throw new AppError('NOT_FOUND', `There is no note ${path}`, { hint: 'Use search or list_files to find it' });
    const text = readFileSync(file, 'utf8');
    const stat = statSync(file);
    return { path, text, version: versionOf(text), sizeBytes: stat.size, modifiedAtMs: stat.mtimeMs };
  };
  const listNotes = (): { path: string; sizeBytes: number; modifiedAtMs: number }[] =>
    globSync('**/*.md', { cwd: directory })
      .toSorted()
      .map((path) => ({
        path,
        sizeBytes: statSync(join(directory, path)).size,
        modifiedAtMs: statSync(join(directory, path)).mtimeMs,
      }));
  const check = (path: string, expected: string | null | undefined): string | undefined => {
    const current = existsSync(absolute(path)) ? readNote(path).version : undefined;
    if (expected !== undefined && (expected ?? undefined) !== current)
      throw new AppError('VERSION_CONFLICT', `${path} is not at that version`, { hint: 'fetch it again' });
    return current;
  };
  const write = async (
    path: string,
    text: string,
    options: WriteOptions,
  ): Promise<{ version: string; created: boolean }> => {
    const before = check(path, options.expectedVersion);
    const after = versionOf(text);
    await options.beforeEffect?.({ operation: 'note.write', path, after, ...(before !== undefined && { before }) });
    mkdirSync(dirname(absolute(path)), { recursive: true });
    writeFileSync(absolute(path), text);
    return { version: after, created: before === undefined };
  };
  const unused = (): never => {
    throw new AppError('UNSUPPORTED', 'Not part of this stand-in');
  };
  return {
    name: 'default',
    directory,
    start: () => undefined,
    readNote,
    readBytes: (path) => readFileSync(absolute(path)),
    stat: unused,
    listDirectory: (path) =>
      readdirSync(absolute(path), { withFileTypes: true }).map((entry) => ({
        name: entry.name,
        kind: entry.isDirectory() ? 'directory' : 'file',
      })),
    listNotes,
    tree: () => ['./', ...listNotes().map((note) => `  ${note.path}`)].join('\n'),
    sizeBytes: () => 0,
    resolveLink: () => null,
    writeNote: (path, text, options = {}) => write(path, text, options),
    replaceInNote: async (path, oldText, newText, options = {}) => {
      const { text } = readNote(path);
      if (!text.includes(oldText)) throw new AppError('NO_MATCH', 'That passage is not in the note');
      return write(
        path,
        text.replace(oldText, () => newText),
        options,
      );
    },
    deleteNote: async (path, options = {}) => {
      readNote(path);
      const before = check(path, options.expectedVersion);
      await options.beforeEffect?.({ operation: 'note.delete', path, ...(before !== undefined && { before }) });
      rmSync(absolute(path));
    },
    createDirectory: unused,
    removeDirectory: unused,
    rename: unused,
    search: (query, limit) =>
      listNotes()
        .filter((note) => readNote(note.path).text.toLowerCase().includes(query.toLowerCase()))
        .slice(0, limit)
        .map((note) => ({ path: note.path, title: note.path, snippet: '', score: 1 })),
    status: () => ({
      notes: listNotes().length,
      sizeBytes: 0,
      index: 'ready',
      indexedNotes: listNotes().length,
      indexLagMs: 0,
      writable: true,
      reason: '',
    }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
