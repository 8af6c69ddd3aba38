// The agent as the listeners see it: takes a question, waits for a place, runs, and can be drained.
// Guarantees: the deadline counts from the moment the question arrived, waiting included; an answer that somebody else's run
// gives (where the operator allows that) needs no place.
import { accountOf, type Principal } from '../auth/principal.ts';
import { AppError } from '../lib/app-error.ts';
import { runAgent } from './loop.ts';
import type { AgentPorts, AgentRequest, AgentResult, TurnFacts } from './ports.ts';
import { RunQueue } from './run-queue.ts';
import type { QueueFigures, RunQueueOptions } from './run-queue.ts';
import { RunRegistry } from './run-registry.ts';
import type { RunInfo } from './run-registry.ts';
import { RunScope } from './run-scope.ts';
import { SharedAnswers } from './shared-answers.ts';
import type { SharedAnswersPorts } from './shared-answers.ts';

export interface AgentServicePorts extends Omit<AgentPorts, 'options'> {
  /** Read at the start of each run, so that a reload counts from the next question. */
  options(): AgentPorts['options'];
  /** Left out, every question is a run of its own. */
  answers?: SharedAnswersPorts;
  onQueueWait?(waitMs: number): void;
  onQueueRejected?(reason: string): void;
}

export class AgentService implements AsyncDisposable {
  readonly #ports: AgentServicePorts;
  readonly #queue: RunQueue;
  readonly #runs: RunRegistry;
  readonly #answers: SharedAnswers | null;
  readonly #stopping = new AbortController();
  readonly #active = new Set<Promise<unknown>>();

  constructor(queueOptions: RunQueueOptions, ports: AgentServicePorts) {
    this.#ports = ports;
    this.#runs = new RunRegistry(ports.clock);
    this.#answers = ports.answers === undefined ? null : new SharedAnswers(ports.answers, ports);
    this.#queue = new RunQueue(queueOptions, ports.clock, (waitMs) => ports.onQueueWait?.(waitMs));
  }

  get queueDepth(): number {
    return this.#queue.depth;
  }

  get activeRuns(): number {
    return this.#queue.running;
  }

  /** In flight, oldest first. */
  runs(): readonly RunInfo[] {
    return this.#runs.list();
  }

  /** Ends a run wherever it is; false when there is none with this id any more. */
  cancelRun(id: string): boolean {
    return this.#runs.cancel(id);
  }

  queueFigures(): QueueFigures {
    return this.#queue.figures();
  }

  /** Why a question of this principal would be refused now, or null; counted as a refusal. */
  refusalOf(principal: Principal): AppError | null {
    const refusal =
      this.#queue.refusalOf(accountOf(principal), maxRunsOf(principal)) ?? this.#ports.backend.refusal?.() ?? null;
    if (refusal !== null) this.#ports.onQueueRejected?.(refusal.code.toLowerCase());
    return refusal;
  }

  async ask(request: AgentRequest): Promise<AgentResult> {
    const work = this.#ask(request);
    this.#active.add(work);
    try {
      return await work;
    } finally {
      this.#active.delete(work);
    }
  }

  /** Refuses new questions, lets running ones finish until the deadline, then ends them. */
  async drain(deadlineMs: number): Promise<void> {
    this.#queue.close();
    const timer = setTimeout(() => this.#stop(), deadlineMs);
    try {
      await Promise.allSettled(this.#active);
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    await this.drain(0);
  }

  async #ask(request: AgentRequest): Promise<AgentResult> {
    const options = this.#ports.options();
    const deadlineAtMs = request.deadlineAtMs ?? this.#ports.clock.monotonicMs() + options.deadlineMs;
    using tracked = this.#runs.track(request);
    const signal = AbortSignal.any([request.signal, this.#stopping.signal, tracked.signal]);
    const bounded = { ...request, signal, deadlineAtMs };
    const onTurn = (facts: TurnFacts): void => {
      tracked.turn(facts.backend);
      this.#ports.onTurn?.(facts);
    };
    const run = (own: AgentRequest): Promise<AgentResult> => {
      tracked.started();
      return runAgent(own, { ...this.#ports, options, onTurn });
    };
    if (this.#answers === null) {
      using _place = await this.#enter(request.principal, signal, deadlineAtMs);
      return await run(bounded);
    }
    using scope = new RunScope(signal, deadlineAtMs, this.#ports.clock);
    const known = await this.#answers.find(bounded, scope);
    if (known !== null) return known;
    using _place = await this.#enter(request.principal, signal, deadlineAtMs);
    // Somebody may have asked the same while this one waited.
    return await this.#answers.findOrRun(bounded, scope, run);
  }

  async #enter(principal: Principal, signal: AbortSignal, deadlineAtMs: number): Promise<Disposable> {
    const waiting = new AbortController();
    const tooLate = new AppError('DEADLINE_EXCEEDED', 'The question waited too long for its turn', {
      hint: 'Try again later, or raise agent.max_concurrent_runs',
    });
    const remainingMs = Math.min(2_147_483_647, Math.max(0, deadlineAtMs - this.#ports.clock.monotonicMs()));
    const timer = setTimeout(() => waiting.abort(tooLate), remainingMs);
    try {
      const either = AbortSignal.any([signal, waiting.signal]);
      return await this.#queue.enter(accountOf(principal), either, maxRunsOf(principal));
    } catch (error) {
      if (error instanceof AppError) this.#ports.onQueueRejected?.(error.code.toLowerCase());
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #stop(): void {
    this.#stopping.abort(new AppError('DRAINING', 'mem-agent is shutting down', { hint: 'Try again in a moment' }));
  }
}

function maxRunsOf({ policy }: Principal): number | undefined {
  return policy?.limits?.concurrentRuns;
}
