// What of a value may be shown to a person: all of it, except secrets, passwords inside URLs, values of variables, and what an entry
// names like a secret.
import type { ConfigKey } from './config-key.ts';

export const MASK = '***';
/** Stands for the value of a key nobody knows: a mistyped key may hold a secret. */
export const NOT_SHOWN = '(not shown)';

/** A value as text for errors and listings; a set secret is `***`, an unset one stays empty. */
export function maskValue(row: ConfigKey, value: unknown): string {
  if (row.type === 'secret') return value === '' ? '' : MASK;
  if (row.item === 'env') return JSON.stringify(maskList(row, Array.isArray(value) ? value : [String(value)]));
  const shown = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return row.type === 'url' || shown.includes('://') ? maskUrl(shown) : shown;
}

/** The entries of a list; of a variable only its name, because tokens are given that way. */
export function maskList(row: ConfigKey, entries: readonly unknown[]): readonly string[] {
  const texts = entries.map(String);
  return row.item === 'env' ? texts.map((entry) => entry.replace(/=.*$/s, `=${MASK}`)) : texts;
}

/** Hides the user part and the query of what is, or may be meant as, a URL; rather too much than too little. */
function maskUrl(shown: string): string {
  const withoutUser = shown.replace(/^((?:[a-z][a-z0-9+.-]*:\/\/)?).*@/is, `$1${MASK}@`);
  const withoutQuery = withoutUser.replace(/[?#].*$/s, `?${MASK}`);
  // Nothing takes one there, and so somebody may try.
  return withoutQuery.replace(/((?:key|token|secret|password)=)[^\s"]+/gi, `$1${MASK}`);
}
