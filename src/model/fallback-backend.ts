// Answers with the builtin policy while the real model is down: the whole run, from its first turn, never half of one.
// Guarantee: only an unavailable model falls back; a refused or malformed request is an error the operator must see.
import { AppError } from '../lib/app-error.ts';
import type { BackendStatus, ChatBackend, ChatReply, ChatRequest } from './chat-backend.ts';

/** Runs remembered as switched; far more than can run at once, so that none in progress is ever forgotten. */
const REMEMBERED_RUNS = 10_000;

export type OnFallback = (event: { reason: string }) => void;

export function createFallbackBackend(
  primary: ChatBackend,
  builtin: ChatBackend,
  onFallback?: OnFallback,
): ChatBackend {
  const switched = new Set<string>();
  const askBuiltin = async (request: ChatRequest): Promise<ChatReply> => ({
    ...(await builtin.complete(request)),
    degraded: true,
  });
  return {
    name: primary.name,
    async complete(request) {
      if (switched.has(request.runId)) return await askBuiltin(request);
      try {
        return await primary.complete(request);
      } catch (error) {
        const isFirstTurn = !request.messages.some((message) => message.role === 'assistant');
        if (!isFirstTurn || !(error instanceof AppError) || error.code !== 'MODEL_UNAVAILABLE') throw error;
        if (request.signal.aborted) throw error;
        remember(switched, request.runId);
        onFallback?.({ reason: error.message });
        return await askBuiltin(request);
      }
    },
    status(): BackendStatus {
      const status = primary.status();
      if (status.state !== 'failed') return status;
      return { state: 'degraded', reason: `${status.reason}; ${builtin.name} answers instead` };
    },
  };
}

/** A set keeps the order of insertion: the oldest run goes first. */
function remember(runs: Set<string>, runId: string): void {
  runs.add(runId);
  if (runs.size <= REMEMBERED_RUNS) return;
  const [oldest] = runs;
  if (oldest !== undefined) runs.delete(oldest);
}
