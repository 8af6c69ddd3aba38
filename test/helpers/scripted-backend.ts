// A ChatBackend that replays texts in process: for tests of whatever stands above the model.
import { AppError } from '../../src/lib/app-error.ts';
import { estimateMessagesTokens, estimateTokens } from '../../src/lib/token-estimate.ts';
import type { BackendStatus, ChatBackend, ChatReply, ChatRequest } from '../../src/model/chat-backend.ts';

export type ScriptStep =
  | string
  | AppError
  /** Never answers; ends with the signal, unless it is told to ignore it. */
  | { hang: 'until-aborted' | 'forever' }
  | (Partial<ChatReply> & { text: string })
  | ((request: ChatRequest) => string | Promise<string>);

export interface ScriptedBackend extends ChatBackend {
  /** Every request so far, messages copied at the time of the call. */
  readonly requests: readonly ChatRequest[];
}

/** Replays the steps one after another, over all runs; after the last one every call fails. */
export function createScriptedBackend(steps: readonly ScriptStep[], name = 'scripted'): ScriptedBackend {
  const requests: ChatRequest[] = [];
  const remaining = [...steps];
  return {
    name,
    requests,
    async complete(request) {
      requests.push({ ...request, messages: request.messages.map((message) => ({ ...message })) });
      const step = remaining.shift();
      if (step === undefined) throw new Error('the script of the test has no step left');
      if (step instanceof AppError) throw step;
      if (typeof step === 'object' && 'hang' in step) return await hang(step.hang, request.signal);
      const given: Partial<ChatReply> = typeof step === 'object' ? step : {};
      const text = typeof step === 'object' ? step.text : typeof step === 'string' ? step : await step(request);
      return {
        finishReason: 'stop',
        inputTokens: estimateMessagesTokens(request.messages),
        outputTokens: estimateTokens(text),
        tokensEstimated: false,
        timeToFirstTokenMs: 0,
        durationMs: 1,
        backend: name,
        model: 'script',
        degraded: false,
        ...given,
        text,
      };
    },
    status: (): BackendStatus => ({ state: 'ok', reason: 'replays a script' }),
  };
}

async function hang(kind: 'until-aborted' | 'forever', signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  if (kind === 'until-aborted') signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return promise;
}
