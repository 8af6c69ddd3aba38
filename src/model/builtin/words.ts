// Words as builtin compares them: folded (no accents, lower case), split on everything that is not a letter or digit,
// equal also across plural and case endings. Deliberately generous; scores sort out the rest.

const LETTERS: Readonly<Record<string, string>> = { ł: 'l', ı: 'i', ß: 'ss', ø: 'o', æ: 'ae', đ: 'd', œ: 'oe' };

// eslint-disable-next-line no-control-regex
const NON_ASCII = /[^\x00-\x7f]/;

export function fold(text: string): string {
  if (!NON_ASCII.test(text)) return text.toLowerCase();
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[łıßøæđœ]/g, (letter) => LETTERS[letter] ?? letter);
}

/** Folded words; `favorite_color` gives two, `OrbitBank's` gives one. */
export function wordsOf(text: string): string[] {
  const folded = fold(text).replace(/['’]s\b/g, '');
  return folded.match(NON_ASCII.test(folded) ? /[\p{L}\p{N}]+/gu : /[a-z0-9]+/g) ?? [];
}

/** Same word, give or take an ending. Words with digits and short words must be equal. */
export function sameWord(a: string, b: string): boolean {
  if (a === b) return true;
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  if (/\d/.test(long) || short.length < 3) return false;
  if (long === `${short}s` || long === `${short}es`) return true;
  if (short.length < 4) return false;
  if (long.startsWith(short)) return long.length - short.length <= (short.length >= 6 ? 4 : 2);
  if (short.length < 6 || long.length - short.length > 3) return false;
  let shared = 0;
  while (shared < short.length && short[shared] === long[shared]) shared++;
  return shared >= 5 && long.length - shared <= 3;
}

/** Whether the phrase (already words) stands in `words`, in order and side by side. */
export function phraseAt(words: readonly string[], phrase: readonly string[]): number {
  for (let start = 0; start + phrase.length <= words.length; start++) {
    if (phrase.every((part, offset) => sameWord(part, words[start + offset] ?? ''))) return start;
  }
  return -1;
}

/** A name for people: `entities/lena_park.md` -> `Lena Park`. */
export function humanName(path: string): string {
  const base = (path.split('/').at(-1) ?? path).replace(/\.md$/i, '');
  return base
    .split(/[_\-\s]+/)
    .filter((part) => part !== '')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join(' ');
}

/** `Lena Park` -> `lena_park`, safe as a file name. */
export function snakeName(name: string): string {
  return wordsOf(name).join('_').slice(0, 60) || 'note';
}
