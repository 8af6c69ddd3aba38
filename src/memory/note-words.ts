// Text -> search words, the same for notes, titles and queries: lower case, no accents, letters and digits only; scripts
// without spaces between words become single characters and pairs.

const MAX_WORD_LENGTH = 64;
const ASCII_WORD = /[a-z0-9]+/g;
const WORD = /[\p{L}\p{N}]+/gu;
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+/gu;
// eslint-disable-next-line no-control-regex
const NON_ASCII = /[^\x00-\x7f]/;

export function foldText(text: string): string {
  if (!NON_ASCII.test(text)) return text.toLowerCase();
  return text
    .normalize('NFKD')
    .replaceAll(/\p{M}+/gu, '')
    .toLowerCase();
}

/** The words of a note, in order, repeats included. */
export function wordsOf(text: string): string[] {
  return split(text, true);
}

/** The words of a query: pairs stand for a run of unspaced script, so that single characters match only alone. */
export function queryWords(query: string, maxWords: number): string[] {
  return [...new Set(split(query, false))].slice(0, maxWords);
}

function split(text: string, withSingles: boolean): string[] {
  const folded = foldText(text);
  if (!NON_ASCII.test(folded)) return (folded.match(ASCII_WORD) ?? []).map(cut);
  const words: string[] = [];
  for (const [word] of folded.matchAll(WORD)) addWord(words, word, withSingles);
  return words;
}

function addWord(words: string[], word: string, withSingles: boolean): void {
  let from = 0;
  for (const match of word.matchAll(UNSPACED)) {
    if (match.index > from) words.push(cut(word.slice(from, match.index)));
    addRun(words, Array.from(match[0]), withSingles);
    from = match.index + match[0].length;
  }
  if (from < word.length) words.push(cut(word.slice(from)));
}

function addRun(words: string[], characters: readonly string[], withSingles: boolean): void {
  if (withSingles || characters.length === 1) words.push(...characters);
  for (let index = 1; index < characters.length; index++) words.push(`${characters[index - 1]}${characters[index]}`);
}

function cut(word: string): string {
  return word.length > MAX_WORD_LENGTH ? word.slice(0, MAX_WORD_LENGTH) : word;
}
