// The `builtin` chat backend: a deterministic policy that speaks the agent protocol when no model is there. A pure function
// of the messages: everything it knows it reads back from the transcript, so any process can take over at any turn.
import { AppError } from '../../lib/app-error.ts';
import type { Clock } from '../../lib/clock.ts';
import type { BackendStatus, ChatBackend, ChatMessage, ChatReply, ChatRequest, DirectCall } from '../chat-backend.ts';
import { readFilter } from './filter-rules.ts';
import { forget } from './forget.ts';
import { readIntent } from './intent.ts';
import type { Move } from './move.ts';
import { renderCalls } from './python-calls.ts';
import { readQuestion } from './question-concepts.ts';
import { retrieve } from './retrieve.ts';
import { store } from './store.ts';
import { readTranscript } from './transcript.ts';

export interface BuiltinBackendOptions {
  clock: Clock;
}

export function createBuiltinBackend({ clock }: BuiltinBackendOptions): ChatBackend {
  return {
    name: 'builtin',
    async complete(request: ChatRequest): Promise<ChatReply> {
      if (request.signal.aborted) throw new AppError('CANCELLED', 'The request was cancelled', { hint: 'Ask again' });
      const startedMs = clock.monotonicMs();
      const { text, directCalls } = nextMessage(request.messages);
      const durationMs = clock.monotonicMs() - startedMs;
      return {
        text,
        finishReason: 'stop',
        // No model ran: there are no tokens to count or to pay for.
        inputTokens: 0,
        outputTokens: 0,
        tokensEstimated: false,
        timeToFirstTokenMs: durationMs,
        durationMs,
        backend: 'builtin',
        model: 'builtin',
        degraded: true,
        ...(directCalls.length > 0 ? { directCalls } : {}),
      };
    },
    status(): BackendStatus {
      return { state: 'ok', reason: 'Rule-based answers; no model is involved' };
    },
  };
}

function nextMessage(messages: readonly ChatMessage[]): { text: string; directCalls: DirectCall[] } {
  const transcript = readTranscript(messages);
  const move = decide(transcript);
  if (move.kind === 'reply')
    return {
      text: `<think>${move.thought}</think>\n<python></python>\n<reply>${safeText(move.text)}</reply>`,
      directCalls: [],
    };
  const directCalls = move.calls.map((call, position) => ({
    variable: call.variable ?? `${VARIABLES[call.name] ?? 'value'}_${position + 1}`,
    name: call.name,
    args: call.args,
  }));
  return { text: `<think>${move.thought}</think>\n<python>\n${renderCalls(directCalls)}\n</python>`, directCalls };
}

const VARIABLES: Readonly<Record<string, string>> = { read_file: 'note', search_memory: 'hits' };

function decide(transcript: ReturnType<typeof readTranscript>): Move {
  const rules = readFilter(transcript.filter);
  const intent = readIntent(transcript.question);
  if (intent.kind === 'ask') return retrieve(readQuestion(transcript.question), transcript, rules);
  if (!rules.mayWrite)
    return {
      kind: 'reply',
      thought: 'The filter forbids changes.',
      text: 'I may not change the notes: the filter of this request forbids it. Who can lift it?',
    };
  return intent.kind === 'forget' ? forget(intent.what, transcript) : store(intent.statements, transcript);
}

/** A note may hold the tags of the protocol; in a reply they would end it early. */
function safeText(text: string): string {
  return text.replace(/<(\/?(?:think|python|reply|result|filter))/gi, '‹$1');
}
