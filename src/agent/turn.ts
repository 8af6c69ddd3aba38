// One question to the model: progress while it thinks, facts for the metrics, an early stop once its answer is whole.
import { toAppError } from '../lib/app-error.ts';
import type { ChatMessage, ChatReply } from '../model/chat-backend.ts';
import { isAnswerComplete } from './parse-reply.ts';
import type { AgentPorts } from './ports.ts';
import type { Progress } from './progress.ts';
import type { RunScope } from './run-scope.ts';

/** Clients that wait with a timeout reset it on progress, so a long thought must not be silent. */
const HEARTBEAT_MS = 5000;

export interface Turn {
  ports: AgentPorts;
  scope: RunScope;
  progress: Progress;
  runId: string;
  turn: number;
  messages: readonly ChatMessage[];
  maxOutputTokens: number;
}

export async function askModel({
  ports,
  scope,
  progress,
  runId,
  turn,
  messages,
  maxOutputTokens,
}: Turn): Promise<ChatReply> {
  const { backend, clock } = ports;
  const startedMs = clock.monotonicMs();
  const thinking = turn === 1 ? 'thinking' : `thinking, turn ${turn}`;
  progress.say(thinking);
  const heartbeat = setInterval(() => {
    progress.say(`${thinking}, for ${Math.round((clock.monotonicMs() - startedMs) / 1000)} s`);
  }, HEARTBEAT_MS);
  try {
    const signal = scope.signal;
    const reply = await scope.race(
      backend.complete({ runId, messages, maxOutputTokens, signal, isComplete: watchForEnd() }),
    );
    const { inputTokens, outputTokens, timeToFirstTokenMs, durationMs } = reply;
    ports.onTurn?.({
      backend: reply.backend,
      outcome: 'ok',
      durationMs,
      timeToFirstTokenMs,
      inputTokens,
      outputTokens,
    });
    return reply;
  } catch (thrown) {
    const { code } = toAppError(scope.errorFor(thrown));
    ports.onTurn?.({ backend: backend.name, outcome: code, durationMs: clock.monotonicMs() - startedMs });
    throw thrown;
  } finally {
    clearInterval(heartbeat);
  }
}

/** Looks at the whole text only when a tag may just have closed: the text arrives in thousands of small pieces. */
function watchForEnd(): (text: string) => boolean {
  let seen = 0;
  return (text) => {
    const fresh = text.slice(seen);
    seen = text.length;
    return fresh.includes('>') && isAnswerComplete(text);
  };
}
