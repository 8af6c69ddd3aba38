// One run: ask the model, run its Python, feed the result back, until it replies or a limit ends it.
// Guarantees: the reply is never empty; every limit, cancellation and failed audit is an error with its own code.
import { randomUUID } from 'node:crypto';
import { AppError } from '../lib/app-error.ts';
import { mostMessagesTokens } from '../lib/token-estimate.ts';
import type { ChatReply, CloudPermit } from '../model/chat-backend.ts';
import { BlockRunner } from './block-runner.ts';
import { Conversation } from './conversation.ts';
import { adviceOn, lastTurnNotice, MALFORMED_LIMIT, malformedError } from './corrections.ts';
import { withFilters } from './filters.ts';
import { parseReply } from './parse-reply.ts';
import type { ParsedReply } from './parse-reply.ts';
import type { AgentPorts, AgentRequest, AgentResult, AgentSpent, TokenPermit } from './ports.ts';
import { Progress } from './progress.ts';
import { renderResultBody } from './render-result.ts';
import { toRunError } from './run-error.ts';
import { RunScope } from './run-scope.ts';
import { askModel } from './turn.ts';

/** The share of the context that one result may fill, in characters a token on average. */
const RESULT_CHARACTERS_PER_CONTEXT_TOKEN = 1.4;

/** Errors: a `RunError` with what was spent; codes TURN_LIMIT, TOKEN_LIMIT, DEADLINE_EXCEEDED, CANCELLED, EMPTY_REPLY, … */
export async function runAgent(request: AgentRequest, ports: AgentPorts): Promise<AgentResult> {
  const startedMs = ports.clock.monotonicMs();
  using scope = new RunScope(request.signal, request.deadlineAtMs ?? startedMs + ports.options.deadlineMs, ports.clock);
  using run = new AgentRun(request, ports, scope);
  const facts = (): AgentSpent & { requestId: string; durationMs: number } => ({
    ...run.spent(),
    requestId: request.requestId,
    durationMs: ports.clock.monotonicMs() - startedMs,
  });
  try {
    const reply = await run.untilReply();
    ports.onRunEnd?.({ ...facts(), outcome: 'ok' });
    return { reply, ...run.spent() };
  } catch (thrown) {
    const error = toRunError(scope.errorFor(thrown), run.spent());
    const outcome = error.code === 'CANCELLED' ? 'cancelled' : 'error';
    ports.onRunEnd?.({ ...facts(), outcome, code: error.code });
    throw error;
  }
}

class AgentRun implements Disposable {
  readonly #runId = randomUUID();
  readonly #ports: AgentPorts;
  readonly #scope: RunScope;
  readonly #progress: Progress;
  readonly #conversation: Conversation;
  readonly #functions: ReturnType<AgentPorts['openFunctions']>;
  readonly #cloud: CloudPermit | undefined;
  readonly #tokens: TokenPermit | undefined;
  readonly #model = {
    backend: '',
    model: '',
    degraded: false,
    turns: 0,
    inputTokens: 0,
    outputTokens: 0,
    modelMs: 0,
    costUsd: 0,
  };
  #malformedInARow = 0;

  constructor(request: AgentRequest, ports: AgentPorts, scope: RunScope) {
    const { requestId, principal, auditCall } = request;
    this.#ports = ports;
    this.#scope = scope;
    this.#progress = new Progress((progress) => request.onProgress(progress));
    this.#conversation = new Conversation(ports.systemPrompt(), withFilters(request.question, ports.filters()));
    this.#functions = ports.openFunctions({ runId: this.#runId, requestId, principal, auditCall });
    this.#cloud = request.cloud;
    this.#tokens = request.tokens;
    this.#model.backend = ports.backend.name;
  }

  [Symbol.dispose](): void {
    this.#functions.close?.();
  }

  spent(): AgentSpent {
    // The permit also knows what answers that never came have cost.
    const costUsd = this.#cloud?.spentUsd ?? this.#model.costUsd;
    return { ...this.#model, costUsd, ...this.#functions.counts(), truncated: this.#conversation.truncated };
  }

  async untilReply(): Promise<string> {
    const { options, sandbox, clock, tracer } = this.#ports;
    await using blocks = new BlockRunner({
      sandbox,
      clock,
      tracer,
      onCall: this.#functions.onCall,
      scope: this.#scope,
      progress: this.#progress,
      blockTimeoutMs: options.blockTimeoutMs,
    });
    while (this.#model.turns < options.maxTurns) {
      const attributes = { turn: this.#model.turns + 1 };
      const reply = await tracer.span({ name: 'agent.turn', attributes }, () => this.#takeTurn(blocks));
      if (reply !== null) return reply;
    }
    throw new AppError('TURN_LIMIT', `The agent found no answer in ${options.maxTurns} turns`, {
      hint: 'Ask something narrower, or raise agent.max_turns',
    });
  }

  /** The reply that ends the run, or null. */
  async #takeTurn(blocks: BlockRunner): Promise<string | null> {
    const answer = await this.#askOnce();
    const parsed = parseReply(answer.text);
    const reply = this.#replyIn(parsed, answer);
    // A block whose result nobody could read must not change anything either.
    if (reply !== null || this.#model.turns === this.#ports.options.maxTurns) return reply;
    this.#conversation.addAnswer(answer.text);
    const result =
      parsed.kind === 'python'
        ? await blocks.execute(parsed.code, answer.directCalls)
        : { variablesRepr: '{}', error: null };
    this.#scope.throwIfEnded();
    this.#addResult(result.variablesRepr, [result.error, this.#remarkOn(parsed, answer), this.#notice()]);
    return null;
  }

  async #askOnce(): Promise<ChatReply> {
    this.#scope.throwIfEnded();
    const { options } = this.#ports;
    const messages = this.#conversation.fit(options.contextTokens - options.maxOutputTokens);
    const left = options.maxTokens - this.#model.inputTokens - this.#model.outputTokens;
    const outputRoom = left - this.#conversation.estimatedTokens();
    if (outputRoom <= 0) {
      throw new AppError('TOKEN_LIMIT', `The agent used up its ${options.maxTokens} tokens before it had an answer`, {
        hint: 'Ask something narrower, or raise agent.max_tokens',
      });
    }
    const maxOutputTokens = Math.min(options.maxOutputTokens, outputRoom);
    const hold = this.#tokens?.reserve(mostMessagesTokens(messages) + maxOutputTokens);
    let usedTokens = 0;
    try {
      this.#model.turns += 1;
      const answer = await askModel({
        ports: this.#ports,
        scope: this.#scope,
        progress: this.#progress,
        turn: this.#model.turns,
        ask: {
          runId: this.#runId,
          messages,
          maxOutputTokens,
          hasWritten: this.#functions.counts().notesWritten > 0,
          ...(this.#cloud !== undefined && { cloud: this.#cloud }),
        },
      });
      usedTokens = answer.inputTokens + answer.outputTokens;
      this.#count(answer);
      return answer;
    } finally {
      hold?.settle(usedTokens);
    }
  }

  #count(answer: ChatReply): void {
    const spent = this.#model;
    spent.backend = answer.backend;
    spent.model = answer.model;
    spent.degraded ||= answer.degraded;
    spent.inputTokens += answer.inputTokens;
    spent.outputTokens += answer.outputTokens;
    spent.modelMs += answer.durationMs;
    spent.costUsd += answer.costUsd ?? 0;
    if (!answer.tokensEstimated) this.#conversation.calibrate(answer.inputTokens);
  }

  /** The reply that ends the run, null to go on; throws when the model does not find its way back to the form. */
  #replyIn(parsed: ParsedReply, answer: ChatReply): string | null {
    if (parsed.kind === 'reply') return parsed.reply;
    if (parsed.kind === 'python') {
      this.#malformedInARow = 0;
      return null;
    }
    this.#malformedInARow += 1;
    if (this.#malformedInARow < MALFORMED_LIMIT) return null;
    // A model that never learnt the form may still have answered; a text that was cut off is no answer.
    if (parsed.usableText !== '' && answer.finishReason !== 'length') return parsed.usableText;
    throw malformedError(parsed.fault);
  }

  #remarkOn(parsed: ParsedReply, answer: ChatReply): string | null {
    if (parsed.kind === 'malformed') return adviceOn(parsed.fault, answer.finishReason === 'length');
    return parsed.kind === 'python' ? parsed.remark : null;
  }

  #notice(): string | null {
    const { maxTurns } = this.#ports.options;
    return this.#model.turns === maxTurns - 1 ? lastTurnNotice(maxTurns) : null;
  }

  #addResult(variablesRepr: string | null, remarks: readonly (string | null)[]): void {
    const told = remarks.filter((remark) => remark !== null);
    const body = renderResultBody({ variablesRepr, error: told.length === 0 ? null : told.join('\n') });
    const maxCharacters = Math.floor(this.#ports.options.contextTokens * RESULT_CHARACTERS_PER_CONTEXT_TOKEN);
    this.#conversation.addResult(body, maxCharacters);
  }
}
