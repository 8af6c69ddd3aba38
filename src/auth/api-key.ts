// The text of an API key: `mema_<client|admin>_<43 base62 = 256 random bits><6 base62 = CRC32 of all before it>`.
// A mistyped or made-up key is told apart by its checksum, without a look into the database.

import { hash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

export const KEY_KINDS = ['client', 'admin'] as const;
export type KeyKind = (typeof KEY_KINDS)[number];

export interface ParsedApiKey {
  kind: KeyKind;
  /** SHA-256 of the whole key: the only form that is ever stored (256 random bits need no pepper). */
  digest: Buffer;
}

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_LENGTH = 43;
const CHECKSUM_LENGTH = 6;
const KEY_PATTERN = /^mema_(client|admin)_[0-9A-Za-z]{49}$/;

export function createApiKeyText(kind: KeyKind): string {
  const secret = toBase62(BigInt(`0x${randomBytes(32).toString('hex')}`), SECRET_LENGTH);
  const body = `mema_${kind}_${secret}`;
  return body + checksumOf(body);
}

/** Undefined for anything that no mem-agent ever issued. */
export function parseApiKey(text: string): ParsedApiKey | undefined {
  const kind = KEY_PATTERN.exec(text)?.[1];
  if (kind !== 'client' && kind !== 'admin') return undefined;
  if (checksumOf(text.slice(0, -CHECKSUM_LENGTH)) !== text.slice(-CHECKSUM_LENGTH)) return undefined;
  return { kind, digest: digestApiKey(text) };
}

export function digestApiKey(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

/** `k_` and 12 random base62 characters; safe to log. */
export function createKeyId(): string {
  const bits = BigInt(`0x${randomBytes(9).toString('hex')}`);
  return `k_${toBase62(bits, 12).slice(-12)}`;
}

function checksumOf(body: string): string {
  return toBase62(BigInt(crc32(body)), CHECKSUM_LENGTH);
}

function toBase62(value: bigint, length: number): string {
  let rest = value;
  let text = '';
  while (rest > 0n) {
    text = (ALPHABET[Number(rest % 62n)] ?? '') + text;
    rest /= 62n;
  }
  return text.padStart(length, '0');
}
