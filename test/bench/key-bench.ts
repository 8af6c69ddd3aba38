// What checking a key costs, and whether its time tells anything of what is stored: keys that are wrong in one character of a
// stored key, and of one that never was, are timed in random turns, and Welch's t compares them. Both kinds of key are asked for
// themselves as often: a text that shares its beginning with one just checked is some 30 ns quicker, stored or not, which is the
// processor's memory and not the key's. The second row is of the kind of the first: its t is the noise that a leak would have to
// stand out of. Prints a table; proves nothing by itself.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { createApiKeyText, parseApiKey } from '../../src/auth/api-key.ts';
import { openKeyStore } from '../../src/auth/open-key-store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { openCoreStore } from '../../src/store/core-store.ts';
import { createGroupCommit } from '../../src/store/group-commit.ts';

const CHECKS = 1_000_000;
const WARM_UP = 50_000;
const STORED_KEYS = 1000;
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

const directory = mkdtempSync(join(tmpdir(), 'mema-bench-'));
const store = openCoreStore({ directory });
const groupCommit = createGroupCommit(store.db, { onError: () => undefined });
const keys = openKeyStore({ store, clock: systemClock, groupCommit });
const stored: string[] = [];
for (let made = 0; made < STORED_KEYS; made++) stored.push((await keys.create({ name: 'bench' })).key);

/** The stored key with another last character of its secret, and the checksum that goes with it. */
function neighbourOf(key: string): string {
  const last = key.at(-7) ?? '';
  const body = key.slice(0, -7) + (ALPHABET[(ALPHABET.indexOf(last) + 1) % 62] ?? '');
  let rest = crc32(body);
  let checksum = '';
  for (; rest > 0; rest = Math.floor(rest / 62)) checksum = (ALPHABET[rest % 62] ?? '') + checksum;
  const text = body + checksum.padStart(6, '0');
  if (parseApiKey(text) === undefined) throw new Error('the checksum has changed its form');
  return text;
}

const others = stored.map(() => createApiKeyText('client'));
const strangers = stored.map(() => createApiKeyText('client'));
const kind = (name: string, tokens: string[]) => ({ name, tokens, times: [] as number[] });
const kinds = [
  kind('one character from a key that never was', others.map(neighbourOf)),
  kind('the same of others', strangers.map(neighbourOf)),
  kind('one character from a stored key', stored.map(neighbourOf)),
  kind(
    'nothing in common with any',
    stored.map(() => createApiKeyText('client')),
  ),
  kind('those that never were', others),
  kind('those others', strangers),
  kind('right', [...stored]),
  kind(
    'malformed',
    stored.map((key) => `${key.slice(0, -1)}-`),
  ),
];
// One form in memory for all: how a text was put together must not be what is measured.
for (const { tokens } of kinds) tokens.forEach((token, at) => (tokens[at] = Buffer.from(token).toString('latin1')));
for (let check = -WARM_UP; check < CHECKS; check++) {
  const chosen = kinds[Math.floor(Math.random() * kinds.length)];
  const token = chosen?.tokens[Math.floor(Math.random() * STORED_KEYS)] ?? '';
  const startedNs = process.hrtime.bigint();
  keys.verify(token);
  const tookNs = Number(process.hrtime.bigint() - startedNs);
  if (check >= 0) chosen?.times.push(tookNs);
}

/** The slowest tenth is the machine, not the key. */
function trimmed(times: readonly number[]): number[] {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted.slice(0, Math.floor(sorted.length * 0.9));
}

function meanAndVariance(times: readonly number[]): { mean: number; variance: number } {
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  return { mean, variance: times.reduce((sum, time) => sum + (time - mean) ** 2, 0) / (times.length - 1) };
}

function welchT(a: readonly number[], b: readonly number[]): number {
  const [first, second] = [meanAndVariance(a), meanAndVariance(b)];
  return (first.mean - second.mean) / Math.sqrt(first.variance / a.length + second.variance / b.length);
}

const reference = trimmed(kinds[0]?.times ?? []);
process.stdout.write(`${CHECKS} checks against ${STORED_KEYS} stored keys; t against the first row\n`);
for (const { name, times } of kinds) {
  const kept = trimmed(times);
  const { mean } = meanAndVariance(kept);
  const median = kept[Math.floor(kept.length / 2)] ?? 0;
  process.stdout.write(
    `${name.padEnd(42)} mean ${mean.toFixed(0)} ns  median ${median} ns  t ${welchT(kept, reference).toFixed(2)}\n`,
  );
}
process.stdout.write(
  'Right and malformed keys are told by the answer; that they take another time says nothing more.\n',
);

await keys[Symbol.asyncDispose]();
await groupCommit[Symbol.asyncDispose]();
store.close();
rmSync(directory, { recursive: true });
