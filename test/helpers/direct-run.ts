// Plays the builtin backend against plain stand-in functions over a temporary copy of notes: no sandbox, no daemon. The
// results go back as the agent sends them: Python's repr of the variables.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '../../src/lib/clock.ts';
import { pythonRepr } from '../../src/lib/python-repr.ts';
import { scanNotes } from '../../src/memory/scan-search.ts';
import { runAtOnce } from '../../src/memory/slices.ts';
import { makeSnippet } from '../../src/memory/snippet.ts';
import { queryWords } from '../../src/memory/note-words.ts';
import { createBuiltinBackend } from '../../src/model/builtin/builtin-backend.ts';
import type { ChatMessage, DirectCall } from '../../src/model/chat-backend.ts';

const MAX_TURNS = 20;

export interface DirectRun {
  reply: string;
  turns: number;
  messages: ChatMessage[];
}

export interface NoteCopy extends Disposable {
  directory: string;
  read(path: string): string | null;
  paths(): string[];
}

export function copyNotes(from: string): NoteCopy {
  const directory = mkdtempSync(join(tmpdir(), 'mem-agent-builtin-'));
  cpSync(from, directory, { recursive: true });
  return {
    directory,
    read: (path) => readText(directory, path),
    paths: () => listPaths(directory),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

const listPaths = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();

function readText(directory: string, path: string): string | null {
  const file = join(directory, path);
  return existsSync(file) && statSync(file).isFile() ? readFileSync(file, 'utf8') : null;
}

/** `refuseWrites`: every write answers this error string, as a core that may not write does. */
export async function directRun(
  directory: string,
  question: string,
  options: { refuseWrites?: string } = {},
): Promise<DirectRun> {
  const backend = createBuiltinBackend({ clock: systemClock });
  const messages: ChatMessage[] = [
    { role: 'system', content: 'You keep the notes.' },
    { role: 'user', content: question },
  ];
  for (let turn = 1; turn <= MAX_TURNS; turn++) {
    const { text, directCalls } = await backend.complete({
      runId: 'direct',
      messages,
      maxOutputTokens: 1000,
      signal: AbortSignal.timeout(20_000),
      isComplete: () => false,
    });
    messages.push({ role: 'assistant', content: text });
    const reply = /<reply>([\s\S]*)<\/reply>/.exec(text)?.[1];
    if (reply !== undefined) return { reply, turns: turn, messages };
    const values: Record<string, unknown> = {};
    for (const call of directCalls ?? []) values[call.variable] = answer(directory, call, options.refuseWrites);
    messages.push({ role: 'user', content: `<result>\n${pythonRepr(values)}\n</result>` });
  }
  throw new Error(`no reply after ${MAX_TURNS} turns to: ${question}`);
}

function answer(directory: string, { name, args }: DirectCall, refuseWrites: string | undefined): unknown {
  const path = String(args[0] ?? '');
  const text = readText(directory, path);
  if (name === 'check_if_file_exists') return text !== null;
  if (name === 'read_file') return text ?? `Error: File ${path} does not exist`;
  if (name === 'search_memory') return search(directory, path, Number(args[1] ?? 5));
  if (refuseWrites !== undefined) return refuseWrites;
  if (name === 'create_file') return write(directory, path, String(args[1] ?? ''));
  if (name === 'update_file') {
    const oldText = String(args[1] ?? '');
    if (text === null) return `Error: File '${path}' does not exist`;
    if (!text.includes(oldText))
      return `Error: Could not find the specified content in the file. Looking for: '${oldText.slice(0, 50)}...'`;
    return write(
      directory,
      path,
      text.replace(oldText, () => String(args[2] ?? '')),
    );
  }
  throw new Error(`builtin called ${name}, which does not exist`);
}

function write(directory: string, path: string, text: string): true {
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  writeFileSync(join(directory, path), text);
  return true;
}

function search(directory: string, query: string, limit: number): { path: string; title: string; snippet: string }[] {
  const words = queryWords(query, 16);
  const readNote = (path: string): string | null => readText(directory, path);
  const { ranked } = runAtOnce(
    scanNotes({
      paths: listPaths(directory),
      readText: readNote,
      words,
      limit,
      prefix: 'if nothing else is found',
      allNotes: 0,
      isLate: () => false,
    }),
  );
  return ranked.map(({ path, title }) => ({ path, title, snippet: makeSnippet(readNote(path) ?? '', words) }));
}
