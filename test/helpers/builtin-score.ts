// Scores builtin on a set of questions over the sample memory: a fresh copy of the notes for each, checks by strings and
// by the files afterwards.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyNotes, directRun } from './direct-run.ts';
import { projectRoot } from './source-files.ts';

export interface EvaluationItem {
  question: string;
  mustContain: string[];
  mustNotContain?: string[];
  kind: 'retrieval' | 'update' | 'clarification' | 'filter';
  hops: number;
  files?: { file: string; contains: string[]; notContains: string[] }[];
}

export const SAMPLE_MEMORY = join(projectRoot, 'config/sample-memory');

export function readItems(path: string): EvaluationItem[] {
  return JSON.parse(readFileSync(join(projectRoot, path), 'utf8')) as EvaluationItem[];
}

/** One line for each item that failed, saying how. */
export async function failures(items: readonly EvaluationItem[]): Promise<string[]> {
  const failed: string[] = [];
  for (const item of items) {
    const wrong = await check(item);
    if (wrong.length > 0) failed.push(`${item.question}: ${wrong.join('; ')}`);
  }
  return failed;
}

async function check(item: EvaluationItem): Promise<string[]> {
  using notes = copyNotes(SAMPLE_MEMORY);
  const before = new Map(notes.paths().map((path) => [path, notes.read(path)]));
  const { reply } = await directRun(notes.directory, item.question);
  const wrong = [
    ...item.mustContain.filter((text) => !reply.includes(text)).map((text) => `lacks "${text}"`),
    ...(item.mustNotContain ?? []).filter((text) => reply.includes(text)).map((text) => `shows "${text}"`),
  ];
  for (const { file, contains, notContains } of item.files ?? []) {
    const text = notes.read(file) ?? '';
    wrong.push(
      ...contains.filter((part) => text.split(part).length !== 2).map((part) => `${file} has not once "${part}"`),
    );
    wrong.push(...notContains.filter((part) => text.includes(part)).map((part) => `${file} still has "${part}"`));
  }
  const allowed = new Set((item.files ?? []).map(({ file }) => file));
  // A new note is linked from user.md; nothing else may change.
  if ((item.files ?? []).some(({ file }) => !before.has(file))) allowed.add('user.md');
  const touched = notes.paths().filter((path) => notes.read(path) !== before.get(path) && !allowed.has(path));
  return [...wrong, ...touched.map((path) => `${path} was changed`)];
}
