// Tells a token drawn at random from words, paths, dates and identifiers. Hashes and UUIDs are no secrets and stay.

const CANDIDATE = /[A-Za-z0-9+/_=-]{24,}/g;
const HEX_OR_UUID = /^(?:0x)?[0-9a-f]+$|^[0-9A-F]+$/;
/** Runs that people write: words that can be spoken, and numbers. In random base62 they hold a tenth of it. */
const WORDY_RUN = /[A-Z]?[a-z]{4,}|[A-Z]{5,}|\d{2,}/g;
const SPOKEN = /^(?:\d+|(?=.*[aeiouy])(?!.*[^aeiouy]{5}).*)$/i;
const RANDOM_BELOW = 0.55;
const SHORTEST_CORE = 20;

export function* findRandomTokens(text: string): Generator<{ start: number; end: number }> {
  for (const match of text.matchAll(CANDIDATE)) {
    if (isRandom(match[0])) yield { start: match.index, end: match.index + match[0].length };
  }
}

function isRandom(token: string): boolean {
  const core = token.replace(/[+/_=-]+/g, '');
  if (core.length < SHORTEST_CORE || HEX_OR_UUID.test(core)) return false;
  const hasLower = /[a-z]/.test(core);
  const hasUpper = /[A-Z]/.test(core);
  const digitRuns = core.match(/\d+/g)?.length ?? 0;
  if (hasLower && hasUpper && (digitRuns > 0 || core.length >= 32)) return wordyShare(token) < RANDOM_BELOW;
  // One case and digits, as in base36: only when nothing parts it into pieces and the digits are all over.
  return core.length >= 28 && core === token && digitRuns >= 4 && hasLower;
}

function wordyShare(token: string): number {
  const core = token.replace(/[+/_=-]+/g, '');
  // Looked for in the token, so that a separator ends a run.
  const wordy = (token.match(WORDY_RUN) ?? []).filter((run) => SPOKEN.test(run)).join('').length;
  return wordy / core.length;
}
