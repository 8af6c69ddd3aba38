// Memory calls as the Python that builtin writes (one assignment a line), and back. Tags and fences inside arguments are
// escaped, so that no parser of the protocol can be led astray by what a user or a note says.
import { parsePythonPrefix } from '../../lib/python-literal.ts';
import type { DirectCall } from '../chat-backend.ts';

export function renderCalls(calls: readonly DirectCall[]): string {
  return calls.map(({ variable, name, args }) => `${variable} = ${name}(${args.map(quote).join(', ')})`).join('\n');
}

function quote(value: string | number): string {
  if (typeof value === 'number') return String(value);
  return JSON.stringify(value).replace(
    /[<>`\u2028\u2029\u007f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The calls of an assistant message; lines that builtin would not have written are left out. */
export function parseCalls(message: string): DirectCall[] {
  const open = message.indexOf('<python>');
  const close = message.indexOf('</python>', open);
  if (open < 0 || close < 0) return [];
  const calls: DirectCall[] = [];
  for (const line of message.slice(open + '<python>'.length, close).split('\n')) {
    const match = /^([a-z_]\w*) = ([a-z_]+)(\(.*\))$/s.exec(line.trim());
    const [, variable, name, tuple] = match ?? [];
    if (variable === undefined || name === undefined || tuple === undefined) continue;
    const { value, complete } = parsePythonPrefix(tuple === '()' ? tuple : `${tuple.slice(0, -1)},)`, 0);
    if (!complete || !Array.isArray(value)) continue;
    calls.push({ variable, name, args: value.filter((item) => typeof item === 'string' || typeof item === 'number') });
  }
  return calls;
}
