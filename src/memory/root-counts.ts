// Running totals of a root, for quotas and `status()`: set by each full walk, adjusted by each write in between.

export class RootCounts {
  #sizeBytes = 0;
  #notes = 0;
  #writes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get notes(): number {
    return this.#notes;
  }

  /** Number of adjustments so far: a walk during which it moved saw a mixture, and does not replace the totals. */
  get writes(): number {
    return this.#writes;
  }

  adjust(sizeBytes: number, notes: number): void {
    this.#writes++;
    this.#sizeBytes = Math.max(0, this.#sizeBytes + sizeBytes);
    this.#notes = Math.max(0, this.#notes + notes);
  }

  set(sizeBytes: number, notes: number): void {
    this.#sizeBytes = sizeBytes;
    this.#notes = notes;
  }
}
