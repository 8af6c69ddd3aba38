// Separates the model's thought from its answer, whether the thought's opening tag was printed or given by the template.
// Guarantee: what follows the thought is returned untouched; a closing tag inside a block's string ends no thought.
import { findOutsideStrings } from '../lib/python-strings.ts';

export interface SplitThought {
  /** `none`: nothing says there was a thought. `open`: it was opened and never closed. */
  state: 'none' | 'open' | 'closed';
  /** The text after the thought; the whole text if it is `none` or `open`. */
  visible: string;
}

const STARTS_WITH_TAG = /^\s*<(?:python|reply)\s*>/i;
const OPEN_THOUGHT = /<think\s*>/i;
const CLOSE_THOUGHT = /<\/think\s*>/i;
const TAG_ON_OWN_LINE = /(?:^\s*|\n[ \t]*)<(python|reply)\s*>/i;

export function splitThought(text: string): SplitThought {
  if (STARTS_WITH_TAG.test(text)) return { state: 'none', visible: text };
  const firstTag = TAG_ON_OWN_LINE.exec(text);
  const opened = OPEN_THOUGHT.test(firstTag === null ? text : text.slice(0, firstTag.index));
  let rest = opened ? afterClosing(text) : afterClosing(text, firstTag);
  if (rest === null) return { state: opened ? 'open' : 'none', visible: text };
  // A thought may mention its own closing tag; the one that counts is the last before the first tag on a line of its own.
  for (;;) {
    const tagAt = TAG_ON_OWN_LINE.exec(rest)?.index ?? Infinity;
    const next = CLOSE_THOUGHT.exec(rest);
    if (next === null || next.index > tagAt) return { state: 'closed', visible: rest };
    rest = rest.slice(next.index + next[0].length);
  }
}

/** What follows the first closing tag; one that stands inside a string of an unthought-of block does not count. */
function afterClosing(text: string, block: RegExpExecArray | null = null): string | null {
  const closing = CLOSE_THOUGHT.exec(text);
  if (closing === null) return null;
  if (block !== null && block[1]?.toLowerCase() === 'python' && closing.index > block.index) {
    const outside = findOutsideStrings(text, CLOSE_THOUGHT, block.index + block[0].length);
    return outside === null ? null : text.slice(outside.end);
  }
  return text.slice(closing.index + closing[0].length);
}
