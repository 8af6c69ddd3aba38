// The one way out for text that leaves this machine, around every backend that is not the owner's own.
// Guarantees, each before a byte has left: consent, secrets withheld, the most it may cost set aside, the egress in the
// audit. After it: secrets put back, the cost settled exactly once, the most it could be when nobody knows.
import { AppError } from '../lib/app-error.ts';
import { mostMessagesTokens } from '../lib/token-estimate.ts';
import type { PrivacyScreen, ScreenSession } from '../privacy/create-privacy-screen.ts';
import type { ChatMessage, ChatReply, ChatRequest, CloudReservation } from './chat-backend.ts';
import { costOfFailure } from './model-error.ts';

/** In US dollars; what an answer costs at most. */
export interface CloudPrice {
  promptUsdPerMillion: number;
  completionUsdPerMillion: number;
}

export interface CloudTarget {
  backend: string;
  /** For the audit. */
  model: string;
  price: CloudPrice;
}

export interface CloudGuard {
  /**
   * `send` gets what may leave, and is called at most once. Throws CONSENT_REQUIRED, PRIVACY_REFUSED, BUDGET_EXCEEDED and
   * AUDIT_UNAVAILABLE before it, PRIVACY_REFUSED also for an answer that can't be put back together, and what `send` throws.
   */
  ask(
    request: ChatRequest,
    target: CloudTarget,
    send: (screened: ChatRequest) => Promise<ChatReply>,
  ): Promise<ChatReply>;
  /** A note of which the run sees the whole or a part: its secrets are known from now on, whatever the part. */
  observe(runId: string, text: string): void;
  /** The run is over. */
  forget(runId: string): void;
}

export interface CloudGuardOptions {
  screen: PrivacyScreen;
  /** Runs whose placeholders are remembered; more than can be under way at once. */
  maxRuns?: number;
}

const DEFAULT_MAX_RUNS = 1000;

export function createCloudGuard({ screen, maxRuns = DEFAULT_MAX_RUNS }: CloudGuardOptions): CloudGuard {
  const sessions = new Map<string, ScreenSession>();

  /** The least recently used run goes first. */
  function sessionOf(runId: string): ScreenSession {
    const session = sessions.get(runId) ?? screen.open();
    sessions.delete(runId);
    sessions.set(runId, session);
    const [oldest] = sessions.keys();
    if (sessions.size > maxRuns && oldest !== undefined) sessions.delete(oldest);
    return session;
  }

  return {
    observe: (runId, text) => sessionOf(runId).learn(text),
    forget: (runId) => void sessions.delete(runId),
    async ask(request, target, send) {
      const { cloud, ...rest } = request;
      if (cloud?.consent !== true) throw consentRequired(target.backend);
      const session = sessionOf(request.runId);
      const { messages, redactions } = screenMessages(session, request.messages);
      const maxCostUsd = worstCost(messages, request.maxOutputTokens, target.price);
      const hold = settledOnce(cloud.reserve(maxCostUsd));
      // Whoever hangs up still pays; settled at once, before anyone adds up what the call has cost.
      const onAbort = (): void => hold.settle(maxCostUsd);
      try {
        const sizeBytes = Buffer.byteLength(JSON.stringify(messages));
        await cloud.recordEgress({ backend: target.backend, model: target.model, sizeBytes, redactions });
        throwIfAborted(request.signal);
      } catch (error) {
        hold.settle(0);
        throw error;
      }
      request.signal.addEventListener('abort', onAbort, { once: true });
      try {
        const reply = await send({ ...rest, messages });
        const costUsd = reply.costUsd ?? costOf(reply, target.price);
        hold.settle(costUsd);
        return { ...reply, text: session.restore(reply.text), costUsd };
      } catch (error) {
        hold.settle(costOfFailure(error) ?? maxCostUsd);
        throw error;
      } finally {
        request.signal.removeEventListener('abort', onAbort);
      }
    },
  };
}

/** A secret that is first known by its name further down must not leave further up either. */
function screenMessages(
  session: ScreenSession,
  messages: readonly ChatMessage[],
): { messages: ChatMessage[]; redactions: number } {
  for (;;) {
    const before = session.withheld;
    const screened = messages.map(({ role, content }, index) => ({
      role,
      ...session.redact(content, stageOf(role, index)),
    }));
    if (session.withheld !== before) continue;
    return {
      messages: screened.map(({ role, text }) => ({ role, content: text })),
      redactions: screened.reduce((sum, message) => sum + message.redactions, 0),
    };
  }
}

/** The prompt and the question come first; what the user's role says after them are results of blocks. */
function stageOf(role: ChatMessage['role'], index: number): string {
  if (role === 'system') return 'prompt';
  if (role === 'assistant') return 'answer';
  return index <= 1 ? 'question' : 'result';
}

function worstCost(messages: readonly ChatMessage[], maxOutputTokens: number, price: CloudPrice): number {
  return costOf({ inputTokens: mostMessagesTokens(messages), outputTokens: maxOutputTokens }, price);
}

function costOf(tokens: Pick<ChatReply, 'inputTokens' | 'outputTokens'>, price: CloudPrice): number {
  const { promptUsdPerMillion, completionUsdPerMillion } = price;
  return (tokens.inputTokens * promptUsdPerMillion + tokens.outputTokens * completionUsdPerMillion) / 1e6;
}

function settledOnce(reservation: CloudReservation): CloudReservation {
  let isSettled = false;
  return {
    settle(costUsd) {
      if (isSettled) return;
      isSettled = true;
      reservation.settle(costUsd);
    },
  };
}

function throwIfAborted({ aborted, reason }: AbortSignal): void {
  if (!aborted) return;
  throw reason instanceof AppError ? reason : new AppError('CANCELLED', 'The call was cancelled', { cause: reason });
}

function consentRequired(backend: string): AppError {
  return new AppError('CONSENT_REQUIRED', `Nobody has agreed that this key's questions may go to ${backend}`, {
    hint: 'If the owner of the notes agrees: mem-agent keys set ID --cloud-consent --cloud-budget-usd N',
  });
}
