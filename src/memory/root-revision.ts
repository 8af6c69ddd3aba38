// A number that grows with every change of a root that is known here: own writes, and what the watcher or a sweep sees.
// Guarantee: whatever was derived from the notes at one revision is out of date at any other, also of a root opened later.
import type { Stats } from 'node:fs';
import type { Clock } from '../lib/clock.ts';

export class RootRevision {
  #value: number;
  #fingerprint: number | null = null;

  constructor(clock: Clock) {
    // Not from zero: two roots that are opened one after the other in one place never meet.
    this.#value = clock.nowMs();
  }

  get value(): number {
    return this.#value;
  }

  grow(): void {
    this.#value += 1;
  }

  /** What a whole walk saw: finds the changes that no watch told of. */
  compare({ value }: RootFingerprint): void {
    if (this.#fingerprint !== null && this.#fingerprint !== value) this.grow();
    this.#fingerprint = value;
  }
}

/** Names, sizes and times of all files in one number, in whatever order they are met. */
export class RootFingerprint {
  #value = 0;

  get value(): number {
    return this.#value;
  }

  add(path: string, { size, mtimeMs, ctimeMs }: Stats): void {
    const text = `${path}\n${size}\n${mtimeMs}\n${ctimeMs}`;
    let hash = 0x811c9dc5;
    for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    this.#value = (this.#value + hash) | 0;
  }
}
