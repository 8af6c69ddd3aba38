// Which checkpoints to believe: those signed by a key that is trusted, or that a trusted key vouched for. Trusted are the
// public keys that were given; without any, our own key and the one of the first checkpoint.

import { checkSignatures, type Checkpoint } from './checkpoint.ts';

export interface CheckpointTrust {
  /** What is wrong with it; undefined if it is to be believed. Ask in the order of `seq`. */
  findFault(checkpoint: Checkpoint): string | undefined;
}

export interface TrustedKeys {
  /** Kept outside; nothing else counts then. */
  given?: readonly string[];
  own?: string;
}

/** `stored` is in the order of `seq`: a newer key speaks for the one it came after. */
export function createCheckpointTrust(keys: TrustedKeys, stored: readonly Checkpoint[]): CheckpointTrust {
  const { given = [], own } = keys;
  const trusted = new Set(given);
  if (given.length === 0) {
    const first = stored[0];
    for (const key of [own, first?.key]) if (key !== undefined) trusted.add(key);
  }
  for (const checkpoint of stored.toReversed()) {
    const { key, previousKey } = checkpoint;
    if (previousKey === undefined || trusted.has(previousKey) || !trusted.has(key)) continue;
    const { isSigned, isVouched } = checkSignatures(checkpoint);
    if (isSigned && isVouched) trusted.add(previousKey);
  }
  return {
    findFault(checkpoint) {
      const { key, previousKey } = checkpoint;
      const { isSigned, isVouched } = checkSignatures(checkpoint);
      if (!isSigned) return 'its signature is wrong';
      if (previousKey !== undefined && !isVouched) return 'the signature of the key before is wrong';
      if (trusted.has(key)) return undefined;
      if (previousKey === undefined || !trusted.has(previousKey)) return 'no trusted key signed it';
      trusted.add(key);
      return undefined;
    },
  };
}
