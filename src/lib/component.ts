// What every long-lived part reports about itself.

export type ComponentState = 'ok' | 'degraded' | 'failed' | 'starting';

/** One row of `/health`: the state, why, and since when (ISO 8601). */
export interface ComponentHealth {
  state: ComponentState;
  reason: string;
  sinceIso: string;
  /** Facts worth showing; never a secret, a path of a note or a question. */
  details?: Record<string, unknown>;
}
