// The data of a server-sent event stream, one string an event, until `[DONE]`.
// Guarantees: a piece of any size and cut is read right; one event can't fill the memory; the caller sees how it ended.
import { createParser } from 'eventsource-parser';
import { AppError } from '../lib/app-error.ts';

const LARGEST_EVENT_CHARACTERS = 4 * 1024 * 1024;
const DONE = '[DONE]';

export type SseItem = { kind: 'data'; data: string } | { kind: 'done' };

export async function* readSseStream(body: AsyncIterable<Buffer>): AsyncGenerator<SseItem> {
  let waiting: string[] = [];
  const parser = createParser({
    onEvent: (event) => waiting.push(event.data),
    maxBufferSize: LARGEST_EVENT_CHARACTERS,
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') throw tooLarge(error);
    },
  });
  const decoder = new TextDecoder();
  for await (const piece of body) {
    parser.feed(decoder.decode(piece, { stream: true }));
    const events = waiting;
    waiting = [];
    for (const data of events) {
      if (data.trim() === DONE) {
        yield { kind: 'done' };
        return;
      }
      yield { kind: 'data', data };
    }
  }
}

function tooLarge(cause: unknown): AppError {
  return new AppError('MODEL_PROTOCOL', 'The model server sent one event of several megabytes', {
    hint: 'Check that model.base_url points to the API of a chat model',
    cause,
  });
}
