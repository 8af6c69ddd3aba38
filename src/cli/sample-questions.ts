// The questions of the demo, as data: config/sample-memory-questions.json beside the sample notes.
// Guarantees: every item has a question and what a right answer, or a note afterwards, must contain.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../lib/app-error.ts';

export interface SampleQuestion {
  question: string;
  kind: string;
  /** In the answer, in upper or lower case. */
  mustContain: readonly string[];
  mustNotContain?: readonly string[];
  /** What the notes hold afterwards. */
  files?: readonly { file: string; contains: readonly string[] }[];
}

export const SAMPLE_MEMORY = join(import.meta.dirname, '..', '..', 'config', 'sample-memory');
const SAMPLE_QUESTIONS = `${SAMPLE_MEMORY}-questions.json`;

export function readSampleQuestions(file: string = SAMPLE_QUESTIONS): SampleQuestion[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new AppError('NOT_FOUND', `The questions of the demo cannot be read from ${file}`, {
      hint: 'Install mem-agent again',
      cause: error,
    });
  }
  const items = Array.isArray(parsed) ? (parsed as unknown[]) : [];
  if (items.length > 0 && items.every(isQuestion)) return items;
  throw new AppError('INVALID_INPUT', `${file} is not a list of questions`, {
    hint: 'Each has "question" and "mustContain"',
  });
}

/** What a text lacks, or has too much of; empty when it is right. */
export function faultsOf(text: string, wanted: { contains: readonly string[]; without?: readonly string[] }): string[] {
  const lower = text.toLowerCase();
  const has = (part: string): boolean => lower.includes(part.toLowerCase());
  return [
    ...wanted.contains.filter((part) => !has(part)).map((part) => `lacks "${part}"`),
    ...(wanted.without ?? []).filter(has).map((part) => `must not have "${part}"`),
  ];
}

function isQuestion(item: unknown): item is SampleQuestion {
  if (typeof item !== 'object' || item === null || !('question' in item) || !('mustContain' in item)) return false;
  const { question, mustContain } = item;
  return (
    typeof question === 'string' && Array.isArray(mustContain) && mustContain.every((part) => typeof part === 'string')
  );
}
