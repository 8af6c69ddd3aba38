// One run for everybody who asks the same at the same time, and its answer for who asks it again over unchanged notes.
// Guarantees: only what changed nothing and came from the model itself is shared; nothing is read unaudited, each caller's
// own record lists what was read for its answer; whoever goes away takes nobody's answer along.
import type { AuditCall, NoteOperation } from '../audit/audit-log.ts';
import type { Principal } from '../auth/principal.ts';
import { answerKey } from './answer-cache.ts';
import type { AnswerCache, CachedAnswer } from './answer-cache.ts';
import type { AgentRequest, AgentResult } from './ports.ts';
import type { RunScope } from './run-scope.ts';

/** A run that did more than this is not worth repeating in the audit. */
const MOST_OPERATIONS = 500;

/** What of a memory root an answer hangs on; a `MemoryRoot` is one. */
export interface AnswerSource {
  readonly name: string;
  readonly directory: string;
  revision(): number;
}

export interface SharedAnswersPorts {
  cache: AnswerCache;
  sourceOf(principal: Principal): AnswerSource;
  /** `cached`: answered before; `joined`: answered with somebody else's run. */
  onShared?(how: 'cached' | 'joined'): void;
}

export interface AnswerText {
  filters(): string;
  systemPrompt(): string;
}

type Run = (request: AgentRequest) => Promise<AgentResult>;

interface Found {
  how: 'cached' | 'joined';
  /** null when there is nothing to share after all. */
  answer: CachedAnswer | Promise<CachedAnswer | null>;
}

export class SharedAnswers {
  readonly #ports: SharedAnswersPorts;
  readonly #text: AnswerText;
  /** Runs in progress. */
  readonly #running = new Map<string, Promise<CachedAnswer | null>>();

  constructor(ports: SharedAnswersPorts, text: AnswerText) {
    this.#ports = ports;
    this.#text = text;
  }

  /** Somebody else's answer to the same question, or null. */
  async find(request: AgentRequest, scope: RunScope): Promise<AgentResult | null> {
    const found = this.#lookUp(this.#keyOf(request));
    return found === null ? null : await this.#use(found, request, scope);
  }

  /** The same, or a run of its own, for everybody who asks it meanwhile as well. */
  async findOrRun(request: AgentRequest, scope: RunScope, run: Run): Promise<AgentResult> {
    const key = this.#keyOf(request);
    const found = this.#lookUp(key);
    // Nothing may come between the look and the run that is announced, or two would run.
    if (found === null) return await this.#run(key, request, run);
    return (await this.#use(found, request, scope)) ?? (await this.#run(this.#keyOf(request), request, run));
  }

  #lookUp(key: string): Found | null {
    const cached = this.#ports.cache.find(key);
    if (cached !== undefined) return { how: 'cached', answer: cached };
    const running = this.#running.get(key);
    return running === undefined ? null : { how: 'joined', answer: running };
  }

  async #use({ how, answer }: Found, request: AgentRequest, scope: RunScope): Promise<AgentResult | null> {
    const known = await scope.race(Promise.resolve(answer));
    if (known === null) return null;
    for (const operation of known.operations) {
      scope.throwIfEnded();
      await request.auditCall.operation(operation);
    }
    this.#ports.onShared?.(how);
    // Who ran it has paid for it.
    return { ...known.result, turns: 0, inputTokens: 0, outputTokens: 0, modelMs: 0, costUsd: 0 };
  }

  async #run(key: string, request: AgentRequest, run: Run): Promise<AgentResult> {
    const operations: NoteOperation[] = [];
    const { promise, resolve } = Promise.withResolvers<CachedAnswer | null>();
    const isFirst = !this.#running.has(key);
    if (isFirst) this.#running.set(key, promise);
    let answer: CachedAnswer | null = null;
    try {
      const result = await run({ ...request, auditCall: recording(request.auditCall, operations) });
      const isSame = this.#keyOf(request) === key;
      if (isSame && result.notesWritten === 0 && !result.degraded && operations.length <= MOST_OPERATIONS) {
        answer = { result, operations };
        this.#ports.cache.store(key, answer);
      }
      return result;
    } finally {
      if (isFirst) this.#running.delete(key);
      resolve(answer);
    }
  }

  /** Scopes, root and paths are all of a principal that bounds what it reads; whatever joins them later belongs in here. */
  #keyOf({ question, principal }: AgentRequest): string {
    const source = this.#ports.sourceOf(principal);
    return answerKey({
      directory: source.directory,
      root: source.name,
      revision: source.revision(),
      question,
      filters: this.#text.filters(),
      scopes: principal.scopes,
      paths: JSON.stringify([principal.policy?.readPaths ?? null, principal.policy?.writePaths ?? null]),
      systemPrompt: this.#text.systemPrompt(),
    });
  }
}

function recording(call: AuditCall, operations: NoteOperation[]): AuditCall {
  return {
    callId: call.callId,
    async operation(operation) {
      await call.operation(operation);
      operations.push(operation);
    },
    finish: (outcome) => call.finish(outcome),
  };
}
