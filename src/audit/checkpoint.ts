// A checkpoint: "record SEQ of the chain of ORIGIN has this hash", signed with Ed25519, on one line of plain text. Kept
// outside (a log, a ticket, paper) it shows any later rewrite of what came before, whoever made it. A new signing key is
// vouched for by the one before: the first checkpoint it signs carries the old key's signature too.

import { createPublicKey, verify } from 'node:crypto';
import type { SigningKey } from './signing-key.ts';

export interface Checkpoint {
  /** Which audit: an id made once with its database. */
  origin: string;
  seq: number;
  hash: string;
  timeMs: number;
  /** Public key, 32 bytes in base64url. */
  key: string;
  previousKey?: string;
  text: string;
}

const FORM =
  /^(?<signed>mem-agent-checkpoint\/1 origin=(?<origin>[0-9a-f]{32}) seq=(?<seq>\d{1,15}) hash=(?<hash>[0-9a-f]{64}) time=(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) key=(?<key>[\w-]{43})(?: prevkey=(?<prevkey>[\w-]{43}))?) sig=(?<sig>[\w-]{86})(?: prevsig=(?<prevsig>[\w-]{86}))?$/;
const ANYWHERE =
  /mem-agent-checkpoint\/1 origin=\w+ seq=\d+ hash=\w+ time=[\w:.-]+ key=[\w-]+(?: prevkey=[\w-]+)? sig=[\w-]+(?: prevsig=[\w-]+)?/g;

export function signCheckpoint(
  said: Pick<Checkpoint, 'origin' | 'seq' | 'hash' | 'timeMs'>,
  key: SigningKey,
  previous?: SigningKey,
): Checkpoint {
  const { origin, seq, hash, timeMs } = said;
  const parts = [
    `mem-agent-checkpoint/1 origin=${origin} seq=${seq} hash=${hash} time=${new Date(timeMs).toISOString()}`,
  ];
  parts.push(`key=${key.publicKey}`);
  if (previous !== undefined) parts.push(`prevkey=${previous.publicKey}`);
  const signed = parts.join(' ');
  parts.push(`sig=${key.sign(signed)}`);
  if (previous !== undefined) parts.push(`prevsig=${previous.sign(signed)}`);
  const previousKey = previous?.publicKey;
  return {
    origin,
    seq,
    hash,
    timeMs,
    key: key.publicKey,
    ...(previousKey !== undefined && { previousKey }),
    text: parts.join(' '),
  };
}

/** Undefined for what is no checkpoint. Says nothing about signatures yet. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const groups = FORM.exec(text.trim())?.groups;
  if (groups === undefined) return undefined;
  const { origin = '', seq = '', hash = '', time = '', key = '', prevkey } = groups;
  const timeMs = Date.parse(time);
  if (!Number.isFinite(timeMs)) return undefined;
  const previousKey = prevkey === undefined ? {} : { previousKey: prevkey };
  return { origin, seq: Number(seq), hash, timeMs, key, ...previousKey, text: text.trim() };
}

/** Every checkpoint in a text, such as a log. */
export function findCheckpoints(text: string): string[] {
  return [...new Set(text.match(ANYWHERE))];
}

/** Whether its own key signed it, and, where it names one, whether the key before did too. */
export function checkSignatures(checkpoint: Checkpoint): { isSigned: boolean; isVouched: boolean } {
  const { signed = '', sig = '', prevsig } = FORM.exec(checkpoint.text)?.groups ?? {};
  const { key, previousKey } = checkpoint;
  return {
    isSigned: isSignature(signed, key, sig),
    isVouched: previousKey !== undefined && prevsig !== undefined && isSignature(signed, previousKey, prevsig),
  };
}

/** DER of an Ed25519 public key, up to the key itself. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

function isSignature(text: string, publicKey: string, signature: string): boolean {
  const rawKey = Buffer.from(publicKey, 'base64url');
  const rawSignature = Buffer.from(signature, 'base64url');
  // Only one spelling counts: the last letter has bits to spare.
  if (rawKey.toString('base64url') !== publicKey || rawSignature.toString('base64url') !== signature) return false;
  const der = Buffer.concat([SPKI_PREFIX, rawKey]);
  try {
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    return verify(null, Buffer.from(text), key, rawSignature);
  } catch {
    // Not even a point on the curve.
    return false;
  }
}
