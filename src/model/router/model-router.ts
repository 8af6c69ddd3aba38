// Several backends that answer as one: by priority, with replicas, breakers, fail-over and `builtin` as the last resort.
// Guarantees: a turn that no route answered has had no effect, so it is asked again elsewhere; a run that has changed a
// note is never started again from its question; a cloud that refuses is an error with its code, not a silent downgrade.
import { AppError } from '../../lib/app-error.ts';
import type { Clock } from '../../lib/clock.ts';
import type { BackendStatus, ChatBackend, ChatMessage, ChatReply, ChatRequest } from '../chat-backend.ts';
import { brokenAfterWrite, nobodyAnswered } from './nobody-answered.ts';
import { Route } from './route.ts';
import { defaultRouterOptions } from './router-options.ts';
import type { ModelRoute, RouterEvent, RouterOptions, RouteStatus } from './router-options.ts';
import { reasonOf, RoutedTurn } from './routed-turn.ts';
import type { TurnOutcome } from './routed-turn.ts';
import { RunMemory } from './run-memory.ts';

export interface ModelRouterParts {
  routes: readonly ModelRoute[];
  /** Answers when every route is down; null where policy does not allow it. */
  builtin: ChatBackend | null;
  clock: Clock;
  options?: Partial<RouterOptions>;
  onEvent?(event: RouterEvent): void;
}

export interface ModelRouter extends ChatBackend {
  /** By priority, the best first. */
  list(): readonly RouteStatus[];
  of(name: string): RouteStatus | undefined;
}

export function createModelRouter(parts: ModelRouterParts): ModelRouter {
  return new PriorityRouter(parts);
}

class PriorityRouter implements ModelRouter {
  readonly name: string;
  readonly #routes: readonly Route[];
  readonly #groups: readonly (readonly Route[])[];
  readonly #builtin: ChatBackend | null;
  readonly #clock: Clock;
  readonly #options: RouterOptions;
  readonly #onEvent: ((event: RouterEvent) => void) | undefined;
  readonly #runs = new RunMemory();

  constructor({ routes, builtin, clock, options, onEvent }: ModelRouterParts) {
    this.#options = { ...defaultRouterOptions, ...options };
    this.#builtin = builtin;
    this.#clock = clock;
    this.#onEvent = onEvent;
    this.#routes = routes
      .toSorted((a, b) => a.priority - b.priority)
      .map((spec) => {
        const { name } = spec.backend;
        return new Route(spec, this.#options, clock, (state) => onEvent?.({ kind: 'breaker', backend: name, state }));
      });
    this.#groups = [...Map.groupBy(this.#routes, ({ spec }) => spec.priority).values()];
    this.name = this.#routes[0]?.name ?? builtin?.name ?? 'none';
  }

  list(): readonly RouteStatus[] {
    return this.#routes.map((route) => route.status());
  }

  of(name: string): RouteStatus | undefined {
    return this.#routes.find((route) => route.name === name)?.status();
  }

  status(): BackendStatus {
    const [first] = this.#routes;
    const routes = this.#routes.map((route) => ({ route, why: whyUnfit(route) }));
    const fit = routes.find(({ why }) => why === null)?.route;
    if (first !== undefined && fit?.spec.priority === first.spec.priority) {
      const { state, reason } = fit.spec.backend.status();
      return { state, reason: `${fit.name}: ${reason}` };
    }
    const reasons = routes.flatMap(({ route, why }) => (why === null ? [] : [`${route.name}: ${why}`]));
    const substitute = fit?.name ?? this.#builtin?.name;
    const reason = reasons.length === 0 ? 'no model server is configured' : reasons.join('; ');
    if (substitute === undefined) return { state: 'failed', reason };
    return { state: 'degraded', reason: `${reason}; ${substitute} answers instead` };
  }

  refusal(): AppError | null {
    if (this.#builtin !== null) return null;
    const mayAnswer = this.#routes.some((route) => {
      const now = route.availability();
      return !('comesBack' in now) || (now.comesBack !== 'no' && now.retryInMs <= this.#options.waitForWorkerMs);
    });
    return mayAnswer ? null : nobodyAnswered(this.#routes, []);
  }

  async complete(request: ChatRequest): Promise<ChatReply> {
    const run = this.#runs.of(request.runId);
    if (run.builtinFrom !== undefined && this.#builtin !== null) {
      return await askBuiltin(this.#builtin, request, run.builtinFrom);
    }
    const turn = new RoutedTurn(request, {
      groups: this.#groups,
      options: this.#options,
      clock: this.#clock,
      preferred: run.route,
      hasSubstitute: this.#builtin !== null && request.hasWritten !== true,
      onEvent: this.#onEvent,
    });
    const outcome = await turn.run();
    if (outcome.kind === 'refused') throw outcome.error;
    if (outcome.kind === 'unanswered') return await this.#lastResort(request, outcome);
    const { reply, route } = outcome;
    this.#runs.remember(request.runId, { route });
    return route.spec.priority === this.#routes[0]?.spec.priority ? reply : { ...reply, degraded: true };
  }

  async #lastResort(
    request: ChatRequest,
    { failures }: Extract<TurnOutcome, { kind: 'unanswered' }>,
  ): Promise<ChatReply> {
    const error = nobodyAnswered(this.#routes, failures);
    if (error.code !== 'MODEL_UNAVAILABLE') throw error;
    if (request.hasWritten === true) throw brokenAfterWrite(error);
    if (this.#builtin === null) throw error;
    const builtinFrom = request.messages.length;
    this.#runs.remember(request.runId, { builtinFrom });
    const away = this.#routes[0]?.availability();
    const reason = failures.length === 0 && away !== undefined && 'reason' in away ? away.state : reasonOf(error);
    this.#onEvent?.({ kind: 'builtin', reason, detail: error.message });
    return await askBuiltin(this.#builtin, request, builtinFrom);
  }
}

/** The question and what `builtin` itself did since; another model's turns would only confuse it. */
async function askBuiltin(builtin: ChatBackend, request: ChatRequest, builtinFrom: number): Promise<ChatReply> {
  const { messages } = request;
  const question = messages.findIndex(({ role }) => role === 'user');
  if (question === -1) throw new AppError('INTERNAL', 'A conversation without a question');
  const own: readonly ChatMessage[] = [
    ...messages.slice(0, question + 1),
    ...messages.slice(Math.max(builtinFrom, question + 1)),
  ];
  return { ...(await builtin.complete({ ...request, messages: own })), degraded: true };
}

/** Why a route would not be asked, or null. */
function whyUnfit(route: Route): string | null {
  const now = route.availability();
  if ('reason' in now) return now.reason;
  const { state, reason } = route.spec.backend.status();
  return state === 'failed' ? reason : null;
}
