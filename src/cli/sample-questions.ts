// The questions of the demo, as data: config/sample-memory-questions.json beside the sample notes.
// Guarantees: five questions and one fact, each with what a right answer must contain.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../lib/app-error.ts';

export interface SampleQuestion {
  question: string;
  /** Each must be in the answer, in upper or lower case; of a list, one is enough. */
  mustContain: readonly (string | readonly string[])[];
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

/** What of `mustContain` the answer lacks. */
export function missingFrom(answer: string, { mustContain }: SampleQuestion): string[] {
  const text = answer.toLowerCase();
  return mustContain
    .map((wanted) => (typeof wanted === 'string' ? [wanted] : wanted))
    .filter((choices) => !choices.some((choice) => text.includes(choice.toLowerCase())))
    .map((choices) => choices.join(' or '));
}

function isQuestion(item: unknown): item is SampleQuestion {
  if (typeof item !== 'object' || item === null || !('question' in item) || !('mustContain' in item)) return false;
  const { question, mustContain } = item;
  const isText = (value: unknown): boolean => typeof value === 'string';
  return (
    isText(question) &&
    Array.isArray(mustContain) &&
    mustContain.every((wanted) => isText(wanted) || (Array.isArray(wanted) && wanted.every(isText)))
  );
}
