// One turn's way through the routes: the best that can answer, then the others, a wait for who comes back, one retry.
// Guarantees: a route is asked at most once a turn (the first that failed twice), nothing is asked after the caller has
// ended, and what would fail anywhere, or must not be tried elsewhere, is not.
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, toAppError } from '../../lib/app-error.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ChatReply, ChatRequest } from '../chat-backend.ts';
import { blameOf } from '../model-error.ts';
import { chooseRoute } from './choose-route.ts';
import type { Awaited, Choice } from './choose-route.ts';
import { askHedged, startAsking } from './hedged-ask.ts';
import { isModelFailure } from './route.ts';
import type { Route } from './route.ts';
import type { FallbackReason, RouterEvent, RouterOptions } from './router-options.ts';

const POLL_MS = 50;
/** Between two messages to a client that waits. */
const SAY_EVERY_MS = 2000;
const REFUSALS: ReadonlySet<string> = new Set(['CONSENT_REQUIRED', 'BUDGET_EXCEEDED', 'PRIVACY_REFUSED']);

export interface TurnParts {
  groups: readonly (readonly Route[])[];
  options: RouterOptions;
  clock: Clock;
  preferred: Route | undefined;
  /** `builtin` answers if no route does. */
  hasSubstitute: boolean;
  onEvent: ((event: RouterEvent) => void) | undefined;
}

export interface Failure {
  route: Route;
  error: AppError;
}

export type TurnOutcome =
  | { kind: 'answered'; reply: ChatReply; route: Route }
  /** A cloud refused, and nobody else could answer. */
  | { kind: 'refused'; error: AppError }
  /** Nobody could; the failures of this turn in their order. */
  | { kind: 'unanswered'; failures: readonly Failure[] };

export class RoutedTurn {
  readonly #parts: TurnParts;
  readonly #request: ChatRequest;
  readonly #waitsUntilMs: number;
  readonly #asked = new Set<Route>();
  readonly #failures: Failure[] = [];
  #refusal: AppError | null = null;
  #hasRetried = false;
  #said = '';
  #saidAtMs = -Infinity;
  /** Who should have answered, and why not: what the next attempt is a fallback from. */
  #left: { route: Route; reason: FallbackReason; detail: string } | null = null;

  constructor(request: ChatRequest, parts: TurnParts) {
    this.#request = request;
    this.#parts = parts;
    this.#waitsUntilMs = parts.clock.monotonicMs() + parts.options.waitForWorkerMs;
  }

  /** Throws what no other route can mend. */
  async run(): Promise<TurnOutcome> {
    for (;;) {
      this.#throwIfEnded();
      const choice = this.#choose();
      if (choice.kind === 'ready') {
        const answered = await this.#ask(choice);
        if (answered !== null) return answered;
      } else if (choice.kind === 'asleep') {
        await this.#wake(choice.route);
      } else if (!(await this.#retryOrWait(choice.next))) {
        if (this.#refusal !== null) return { kind: 'refused', error: this.#refusal };
        return { kind: 'unanswered', failures: this.#failures };
      }
    }
  }

  #choose(): Choice {
    const { groups, preferred, options } = this.#parts;
    return chooseRoute({ groups, excluded: this.#asked, preferred, stickyMargin: options.stickyMargin });
  }

  async #ask(choice: Extract<Choice, { kind: 'ready' }>): Promise<TurnOutcome | null> {
    const { route } = choice;
    this.#announce(route);
    this.#asked.add(route);
    try {
      const answered = await this.#askMaybeHedged(choice);
      return { kind: 'answered', ...answered };
    } catch (thrown) {
      this.#takeFailure(route, toAppError(thrown));
      return null;
    }
  }

  async #askMaybeHedged({
    route,
    admission,
  }: Extract<Choice, { kind: 'ready' }>): Promise<{ reply: ChatReply; route: Route }> {
    const { hedgeMs } = this.#parts.options;
    if (hedgeMs <= 0 || route.spec.isPaid) return { reply: await route.ask(this.#request, admission), route };
    return await askHedged(startAsking(route, admission, this.#request), hedgeMs, () => {
      const group = this.#parts.groups.find((replicas) => replicas.includes(route)) ?? [];
      // A hedge must not cost money, nor show a question to anyone less trusted.
      const replicas = group.filter(({ spec }) => !spec.isPaid && spec.trust === route.spec.trust);
      const choice = chooseRoute({ groups: [replicas], excluded: this.#asked, preferred: undefined, stickyMargin: 0 });
      if (choice.kind !== 'ready') return null;
      this.#asked.add(choice.route);
      this.#parts.onEvent?.({ kind: 'hedged', from: route.name, to: choice.route.name });
      return startAsking(choice.route, choice.admission, this.#request);
    });
  }

  async #wake(route: Route): Promise<void> {
    const leftMs = Math.max(0, this.#waitsUntilMs - this.#parts.clock.monotonicMs());
    try {
      await route.wake(this.#request.signal, leftMs, (message) => this.#request.onProgress?.(message));
      // One that says it is awake and is not must not hold the turn in a circle.
      if (route.availability().state === 'asleep') this.#asked.add(route);
    } catch (thrown) {
      this.#asked.add(route);
      this.#takeFailure(route, toAppError(thrown));
    }
  }

  #takeFailure(route: Route, error: AppError): void {
    this.#throwIfEnded();
    if (REFUSALS.has(error.code)) {
      this.#refusal ??= error;
      this.#parts.onEvent?.({ kind: 'refused', backend: route.name, reason: error.code });
    } else if (isModelFailure(error) && blameOf(error) !== 'request') {
      this.#failures.push({ route, error });
    } else throw error;
    this.#left = { route, reason: reasonOf(error), detail: error.message };
  }

  /** Nobody is left to be asked now: the first may be asked once more, or somebody comes back soon. False to give up. */
  async #retryOrWait(next: Awaited | undefined): Promise<boolean> {
    const again = this.#failures.find(({ error }) => error.code !== 'MODEL_FAILED');
    if (!this.#hasRetried && again !== undefined) {
      this.#hasRetried = true;
      await this.#pause(this.#parts.options.retryPauseMs * (0.5 + Math.random()));
      this.#asked.delete(again.route);
      return true;
    }
    if (next === undefined) return false;
    const { hasSubstitute, options, clock } = this.#parts;
    if (hasSubstitute && next.away.comesBack !== 'soon') return false;
    const patienceMs = hasSubstitute ? options.waitForWorkerMs - options.builtinAfterMs : 0;
    const leftMs = this.#waitsUntilMs - Math.max(0, patienceMs) - clock.monotonicMs();
    if (leftMs <= 0 || next.away.retryInMs > leftMs) return false;
    this.#say(`waiting for ${next.route.name}: ${next.away.reason}`);
    await this.#pause(Math.min(POLL_MS, leftMs));
    return true;
  }

  /** A turn is a fallback when somebody failed it, or when it goes to a lower group than the first. */
  #announce(route: Route): void {
    const first = this.#parts.groups[0]?.[0];
    if (this.#left === null && first !== undefined && route.spec.priority !== first.spec.priority) {
      const now = first.availability();
      if ('reason' in now) this.#left = { route: first, reason: now.state, detail: now.reason };
    }
    if (this.#left === null || this.#left.route === route) return;
    const { route: from, reason, detail } = this.#left;
    this.#parts.onEvent?.({ kind: 'failed-over', from: from.name, to: route.name, reason, detail });
  }

  #say(message: string): void {
    const nowMs = this.#parts.clock.monotonicMs();
    if (message === this.#said || nowMs - this.#saidAtMs < SAY_EVERY_MS) return;
    this.#said = message;
    this.#saidAtMs = nowMs;
    this.#request.onProgress?.(message);
  }

  async #pause(ms: number): Promise<void> {
    await Promise.allSettled([delay(ms, undefined, { signal: this.#request.signal })]);
    this.#throwIfEnded();
  }

  #throwIfEnded(): void {
    const { signal } = this.#request;
    if (!signal.aborted) return;
    if (signal.reason instanceof AppError) throw signal.reason;
    throw new AppError('CANCELLED', 'The call was cancelled', { cause: signal.reason });
  }
}

export function reasonOf(error: AppError): FallbackReason {
  const { code } = error;
  if (REFUSALS.has(code)) return 'refused';
  if (blameOf(error) === 'busy') return 'busy';
  if (code === 'MODEL_PROTOCOL') return 'protocol';
  return code === 'MODEL_UNAVAILABLE' || code === 'WORKER_FAILED' ? 'unavailable' : 'failed';
}
