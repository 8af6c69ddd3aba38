// One question to the model: progress while it thinks, facts for the metrics, an early stop once its answer is whole.
import { toAppError } from '../lib/app-error.ts';
import type { ChatReply, ChatRequest } from '../model/chat-backend.ts';
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
  turn: number;
  /** What the loop knows of the request; the rest is the same for every turn. */
  ask: Omit<ChatRequest, 'signal' | 'isComplete' | 'onProgress'>;
}

export async function askModel({ ports, scope, progress, turn, ask }: Turn): Promise<ChatReply> {
  const { backend, clock } = ports;
  const startedMs = clock.monotonicMs();
  const thinking = turn === 1 ? 'thinking' : `thinking, turn ${turn}`;
  progress.say(thinking);
  const heartbeat = setInterval(() => {
    progress.say(`${thinking}, for ${Math.round((clock.monotonicMs() - startedMs) / 1000)} s`);
  }, HEARTBEAT_MS);
  try {
    const reply = await scope.race(
      ports.tracer.span({ name: 'chat', attributes: { 'gen_ai.operation.name': 'chat' } }, async (span) => {
        const answer = await backend.complete({
          ...ask,
          signal: scope.signal,
          isComplete: watchForEnd(),
          onProgress: (message) => progress.say(message),
        });
        span.set({
          'gen_ai.provider.name': answer.backend,
          'gen_ai.response.model': answer.model,
          'gen_ai.usage.input_tokens': answer.inputTokens,
          'gen_ai.usage.output_tokens': answer.outputTokens,
        });
        return answer;
      }),
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
    // A shorter text is another one: the turn is being asked again elsewhere.
    const fresh = text.length < seen ? text : text.slice(seen);
    seen = text.length;
    return fresh.includes('>') && isAnswerComplete(text);
  };
}
