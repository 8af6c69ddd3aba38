// A key with one character wrong. The last character of a key is as random as the others: a fixed letter in its place would
// leave one key in 62 as it was.

export function mistypedKey(key: string): string {
  return key.slice(0, -1) + (key.endsWith('x') ? 'y' : 'x');
}
