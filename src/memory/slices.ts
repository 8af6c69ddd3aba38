// Runs long synchronous work (a generator that yields often) in short slices, so that the event loop stays responsive.

export interface SliceOptions {
  sliceMs: number;
  /** Checked between slices; when true the work is abandoned and the generator's `finally` blocks run. */
  isCancelled: () => boolean;
  /** Wraps each slice, such as in one transaction. */
  around: (slice: () => void) => void;
}

/** Resolves true when the work ran to its end, false when it was cancelled. */
export async function runInSlices(work: Generator<void, void, void>, options: SliceOptions): Promise<boolean> {
  for (;;) {
    if (options.isCancelled()) {
      work.return();
      return false;
    }
    let isDone = false;
    options.around(() => {
      const until = performance.now() + options.sliceMs;
      do isDone = work.next().done === true;
      while (!isDone && performance.now() < until);
    });
    if (isDone) return true;
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** What the work returns in the end; the event loop turns between its slices. */
export async function resultInSlices<Result>(work: Generator<void, Result, void>, sliceMs: number): Promise<Result> {
  for (;;) {
    const until = performance.now() + sliceMs;
    do {
      const step = work.next();
      if (step.done === true) return step.value;
    } while (performance.now() < until);
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** Runs the work to its end at once, for callers that need the answer now. */
export function runAtOnce<Result>(work: Generator<void, Result, void>): Result {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
