// Takes secrets out of text before it is logged: our own API keys, bearer tokens, provider keys, and fields that hold one.
// Guarantees: JSON in, JSON out; works on the finished line, so no field and no nesting is missed.

const PLACEHOLDER = '[redacted]';

/** The kind stays readable, so that a reader knows what was there. */
const OWN_KEY = /\bmema_(client|admin)_[0-9A-Za-z]+/g;
const BEARER = /\b(Bearer|Basic)\s+(?=[^\s"'\\,;]*[\d._=+/-])[^\s"'\\,;]{6,}/gi;
const PROVIDER_KEY = /\b(sk-|hf_|gh[pousr]_|xox[abprs]-)[A-Za-z0-9_-]{8,}/g;
/**
 * Up to the value of `"authorization":"…"` and its like; quotes are escaped where JSON was put into a string. Begins at the
 * quote: a pattern that began at the backslashes before it would go over a long run of them from each of them.
 */
const SECRET_FIELD =
  /"(?=((?:(?:proxy-)?authorization|x-api-key|api[_-]?key|cookie|set-cookie|password|secret|(?:access|refresh)[_-]?token)(\\*)"\s*:\s*\2"))/gi;

export type Redact = (text: string) => string;

export function redactSecrets(text: string): string {
  return redactFields(text)
    .replace(OWN_KEY, (_whole, kind: string) => `mema_${kind}_${PLACEHOLDER}`)
    .replace(BEARER, (_whole, scheme: string) => `${scheme} ${PLACEHOLDER}`)
    .replace(PROVIDER_KEY, (_whole, kind: string) => `${kind}${PLACEHOLDER}`);
}

function redactFields(text: string): string {
  let clean = '';
  let from = 0;
  for (const match of text.matchAll(SECRET_FIELD)) {
    const [, field = '', escape = ''] = match;
    if (match.index - escape.length < from || !text.startsWith(escape, match.index - escape.length)) continue;
    const start = match.index + 1 + field.length;
    clean += text.slice(from, start) + PLACEHOLDER;
    from = endOfString(text, start, escape.length);
  }
  return clean + text.slice(from);
}

/**
 * Index at which the closing quote (with its own backslashes) begins. JSON nested n times writes a quote with
 * k = 2^n - 1 backslashes and a backslash with k + 1, so a run of r closes the string when r mod 2(k+1) is k.
 */
function endOfString(text: string, start: number, backslashes: number): number {
  for (let quote = text.indexOf('"', start); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let run = 0;
    while (quote - run > start && text[quote - run - 1] === '\\') run++;
    if (run % (2 * (backslashes + 1)) === backslashes) return quote - backslashes;
  }
  return text.length;
}
