// One writer at a time: tasks of one memory root run strictly in the order they asked.

export class WriteLock {
  #tail: Promise<void> = Promise.resolve();

  /** Runs `task` once all earlier ones have ended, whether they succeeded or not. */
  run<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#tail.then(task);
    this.#tail = result.then(ignore, ignore);
    return result;
  }

  /** Resolves when every task asked for so far has ended. */
  idle(): Promise<void> {
    return this.#tail;
  }
}

// The caller of `run` gets the error; the queue only needs to know that the task is over.
function ignore(): void {}
