// What has happened so far, read back from the messages alone: the question, the filter, and every call with its value.
// Tolerant of cut-off results: a value that is missing is unknown, never guessed.
import { isPythonDict, parsePythonPrefix, type PythonDict, type PythonValue } from '../../lib/python-literal.ts';
import type { ChatMessage, DirectCall } from '../chat-backend.ts';
import { parseCalls } from './python-calls.ts';

export interface Step {
  call: DirectCall;
  /** undefined: the result did not come back (error, or left out for length). */
  value: PythonValue | undefined;
  /** The error of the block the call was in, or null. */
  error: string | null;
}

export interface Transcript {
  question: string;
  /** Text of `<filter>…</filter>`, empty when there is none. */
  filter: string;
  steps: Step[];
  turns: number;
}

export interface SearchHitSeen {
  path: string;
  title: string;
  snippet: string;
}

export function readTranscript(messages: readonly ChatMessage[]): Transcript {
  const start = messages.findLastIndex((message) => message.role === 'user' && !isResult(message.content));
  const { question, filter } = splitFilter(messages[start]?.content ?? '');
  const steps: Step[] = [];
  let turns = 0;
  for (let position = start + 1; position < messages.length; position++) {
    const message = messages[position];
    if (message?.role !== 'assistant') continue;
    turns++;
    const next = messages[position + 1];
    const result = next?.role === 'user' ? readResult(next.content) : { values: undefined, error: null };
    for (const call of parseCalls(message.content))
      steps.push({ call, value: result.values?.[call.variable], error: result.error });
  }
  return { question, filter, steps, turns };
}

/** Where the agent left characters out of a long result. */
const GAP = /\s?…\s?\[\d+ (?:of \d+ )?characters left out/;
const MAX_READS = 2;

const isResult = (content: string): boolean => content.trimStart().startsWith('<result>');

/** Everything from the first opening tag to the last closing one is filter: a forged closing tag frees nothing. */
function splitFilter(content: string): { question: string; filter: string } {
  const open = content.indexOf('<filter>');
  if (open < 0) return { question: content.trim(), filter: '' };
  const close = content.lastIndexOf('</filter>');
  const end = close > open ? close : content.length;
  const question = `${content.slice(0, open)} ${content.slice(end).replace('</filter>', '')}`.trim();
  return {
    question,
    filter: content
      .slice(open, end)
      .replaceAll(/<\/?filter>/g, ' ')
      .trim(),
  };
}

function readResult(content: string): { values: PythonDict | undefined; error: string | null } {
  if (!isResult(content)) return { values: undefined, error: null };
  // By hand: a pattern that ends with `\s*</result>` takes a note of many spaces once for each of them.
  const opened = content.trim().replace(/^<result>/, '');
  const whole = (opened.endsWith('</result>') ? opened.slice(0, -'</result>'.length) : opened).trim();
  const gap = GAP.exec(whole);
  // What follows a gap may belong to another variable: it is not read at all.
  const body = gap === null ? whole : whole.slice(0, gap.index);
  const isPair = body.startsWith('(');
  const { value, end } = parsePythonPrefix(body, isPair ? 1 : 0);
  if (gap !== null) return { values: isPythonDict(value) ? wholeLines(value) : undefined, error: null };
  const rest = body
    .slice(end)
    .replace(/^\s*,\s*/, '')
    .replace(/\)\s*$/, '')
    .trim();
  return { values: isPythonDict(value) ? value : undefined, error: isPair ? rest : null };
}

/** The last value ends at the gap: its last line is a part, and half a number is a wrong number. */
function wholeLines(values: PythonDict): PythonDict {
  const last = Object.keys(values).at(-1);
  const value = last === undefined ? undefined : values[last];
  if (last === undefined || typeof value !== 'string') return values;
  return { ...values, [last]: value.slice(0, value.lastIndexOf('\n') + 1) };
}

/** Notes by path, as last read; error strings of `read_file` are not notes. */
export function notesRead(steps: readonly Step[]): Map<string, string> {
  const notes = new Map<string, string>();
  for (const { call, value } of steps) {
    const path = String(call.args[0] ?? '');
    if (call.name !== 'read_file' || typeof value !== 'string') continue;
    if (!/^Error: (File .* does not exist|.* is not a file|Permission denied)/.test(value)) notes.set(path, value);
  }
  return notes;
}

export function hitsSeen(steps: readonly Step[]): SearchHitSeen[] {
  const hits: SearchHitSeen[] = [];
  for (const { call, value } of steps) {
    if (call.name !== 'search_memory' || !Array.isArray(value)) continue;
    for (const item of value) {
      if (!isPythonDict(item) || typeof item['path'] !== 'string') continue;
      hits.push({ path: item['path'], title: textOf(item['title']), snippet: textOf(item['snippet']) });
    }
  }
  return hits;
}

const textOf = (value: PythonValue | undefined): string => (typeof value === 'string' ? value : '');

/** A call whose value was left out may be made once more. */
export function wasCalled(steps: readonly Step[], name: string, first: string): boolean {
  const calls = steps.filter(({ call }) => call.name === name && call.args[0] === first);
  return calls.length >= MAX_READS || calls.some(({ value }) => value !== undefined);
}
