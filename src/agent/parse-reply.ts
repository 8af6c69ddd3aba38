// Reads one answer of the model: a block to run, a reply to give, or what is wrong with it.
// Guarantees: tags inside the thought or inside Python strings are text, a complete block wins over a reply beside it,
// and nothing malformed is ever mistaken for an empty success.
import { cleanCode } from './clean-code.ts';
import { findOutsideStrings } from '../lib/python-strings.ts';
import type { Found } from '../lib/python-strings.ts';
import { splitThought } from './split-thought.ts';

export type ReplyFault = 'empty' | 'empty-reply' | 'no-action' | 'no-tags' | 'unclosed' | 'unclosed-think';

export type ParsedReply =
  /** `remark` tells the model what of its answer was left aside. */
  | { kind: 'python'; code: string; remark: string | null }
  | { kind: 'reply'; reply: string }
  /** `usableText` is what may stand for the reply if the model never learns the form; often empty. */
  | { kind: 'malformed'; fault: ReplyFault; usableText: string };

interface Scan {
  blocks: string[];
  reply: string | null;
  unclosed: { tag: string; text: string } | null;
}

const OPENING = /<(python|reply)\s*>/gi;
const CLOSING_PYTHON = /<\/python\s*>/i;
const CLOSING_REPLY = /<\/reply\s*>/i;
const ENDS_WITH_CLOSING = /<\/(?:python|reply)\s*>\s*$/i;

export function parseReply(text: string): ParsedReply {
  const { state, visible } = splitThought(text);
  // A thought that never closed may hold drafts; only an answer that ends on a closing tag meant what it says.
  if (state === 'open' && !ENDS_WITH_CLOSING.test(text)) return malformed('unclosed-think', '');
  const { blocks, reply, unclosed } = scan(visible, false);
  const full = blocks.filter((code) => code.trim() !== '');
  const [code] = full;
  if (code !== undefined) return { kind: 'python', code, remark: remarkOn(full.length, reply, unclosed) };
  if (reply !== null) {
    return reply.trim() === '' ? malformed('empty-reply', '') : { kind: 'reply', reply: reply.trim() };
  }
  if (unclosed !== null) return malformed('unclosed', unclosed.tag === 'reply' ? unclosed.text.trim() : '');
  if (blocks.length > 0) return malformed('no-action', '');
  const plain = visible.trim();
  return plain === '' ? malformed('empty', '') : malformed('no-tags', plain);
}

/** While the text streams in: true once a block with code or a reply has closed, so that the rest is of no use. */
export function isAnswerComplete(text: string): boolean {
  if (!CLOSING_PYTHON.test(text) && !CLOSING_REPLY.test(text)) return false;
  const { state, visible } = splitThought(text);
  // Without an opening tag the template may have opened the thought, so its end must be seen first.
  if (state === 'open' || (state === 'none' && !/^\s*<(?:python|reply)\s*>/i.test(visible))) return false;
  const { blocks, reply } = scan(visible, true);
  return reply !== null || blocks.some((code) => code.trim() !== '');
}

function malformed(fault: ReplyFault, usableText: string): ParsedReply {
  return { kind: 'malformed', fault, usableText };
}

function scan(visible: string, strict: boolean): Scan {
  const found: Scan = { blocks: [], reply: null, unclosed: null };
  let position = 0;
  while (position < visible.length) {
    OPENING.lastIndex = position;
    const opening = OPENING.exec(visible);
    if (opening === null) break;
    const tag = (opening[1] ?? '').toLowerCase();
    const bodyStart = opening.index + opening[0].length;
    const closing = tag === 'python' ? closePython(visible, bodyStart, strict) : closeReply(visible, bodyStart);
    const better = isInline(visible, opening.index) ? tagOnOwnLine(visible, tag, bodyStart, closing?.start) : null;
    if (better !== null) {
      position = better;
      continue;
    }
    if (closing === null) {
      found.unclosed = { tag, text: visible.slice(bodyStart) };
      break;
    }
    const body = visible.slice(bodyStart, closing.start);
    if (tag === 'python') found.blocks.push(cleanCode(body));
    else found.reply ??= body;
    position = closing.end;
  }
  return found;
}

function closePython(text: string, from: number, strict: boolean): Found | null {
  const proper = findOutsideStrings(text, CLOSING_PYTHON, from);
  // A string the model forgot to close swallows the tag; Python will say so. While streaming it may yet be closed.
  return proper ?? (strict ? null : matchFrom(text, CLOSING_PYTHON, from));
}

function closeReply(text: string, from: number): Found | null {
  return matchFrom(text, CLOSING_REPLY, from);
}

function matchFrom(text: string, pattern: RegExp, from: number): Found | null {
  const match = pattern.exec(text.slice(from));
  return match === null ? null : { start: from + match.index, end: from + match.index + match[0].length };
}

function isInline(text: string, index: number): boolean {
  const line = text.slice(text.lastIndexOf('\n', index - 1) + 1, index);
  return line.trim() !== '' && !/>\s*$/.test(line);
}

/** Prose that mentions a tag before using it: the tag that opens a line is the real one. */
function tagOnOwnLine(text: string, tag: string, from: number, before = text.length): number | null {
  const match = new RegExp(`\\n[ \\t]*<${tag}\\s*>`, 'i').exec(text.slice(from, before));
  return match === null ? null : from + match.index;
}

function remarkOn(blockCount: number, reply: string | null, unclosed: Scan['unclosed']): string | null {
  const aside: string[] = [];
  if (blockCount > 1 || unclosed?.tag === 'python') aside.push('only the first python block of your answer was run');
  if (reply !== null || unclosed?.tag === 'reply') {
    aside.push('your reply was dropped, because a reply must come alone, after you have seen the result');
  }
  return aside.length === 0 ? null : `Format: ${aside.join('; ')}. Send one block, or a reply, never both.`;
}
