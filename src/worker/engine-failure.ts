// Why one life of an engine ended: by itself, by our verdict, or because it was told to.
import type { WorkerFailure } from './worker.ts';

export class EngineFailure extends Error {
  override readonly name = 'EngineFailure';
  readonly kind: WorkerFailure['kind'];

  constructor(kind: WorkerFailure['kind'], reason: string, options: ErrorOptions = {}) {
    super(reason, options);
    this.kind = kind;
  }
}

/** An operator's wish or the end of the daemon came first; no failure. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}
