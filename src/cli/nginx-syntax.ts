// Reads an nginx file into its directives, as far as checking one needs it. Nothing is included, nothing is expanded; quotes
// and comments are understood.
import { AppError } from '../lib/app-error.ts';

export interface NginxDirective {
  name: string;
  args: readonly string[];
  /** What is in its braces; empty without any. */
  block: readonly NginxDirective[];
}

/** A string in quotes (with what it escapes), a comment, a brace or semicolon, or a bare word. */
const TOKEN =
  /"((?:[^"\\]|\\[\s\S])*)"|'((?:[^'\\]|\\[\s\S])*)'|(#[^\n]*)|([{};])|((?:\\[\s\S]|\$\{\w*\}|[^\s{};"'#\\])(?:\\[\s\S]|\$\{\w*\}|[^\s{};\\])*)/g;

interface Open {
  directive: NginxDirective & { block: NginxDirective[] };
}

export function parseNginx(text: string): readonly NginxDirective[] {
  const top: NginxDirective[] = [];
  const open: Open[] = [];
  let words: string[] = [];
  const take = (): NginxDirective & { block: NginxDirective[] } => {
    const [name = '', ...args] = words;
    words = [];
    const directive = { name, args, block: [] };
    (open.at(-1)?.directive.block ?? top).push(directive);
    return directive;
  };
  for (const match of text.matchAll(TOKEN)) {
    const [, double, single, comment, mark, word] = match;
    const value = double ?? single ?? word;
    if (value !== undefined) words.push(value);
    else if (comment !== undefined) continue;
    else if (mark === '{') open.push({ directive: take() });
    else if (mark === '}') {
      if (open.pop() === undefined || words.length > 0) throw unreadable(match.index, text);
    } else if (words.length > 0) take();
  }
  if (open.length > 0 || words.length > 0) throw unreadable(text.length, text);
  return top;
}

function unreadable(index: number, text: string): AppError {
  const line = text.slice(0, index).split('\n').length;
  return new AppError('INVALID_INPUT', `This is no nginx file: line ${line} does not fit what is before it`, {
    hint: 'Make one with: mem-agent nginx render --server-name NAME',
  });
}
