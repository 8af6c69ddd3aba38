// Two replicas asked the same: the second only when the first has sent nothing for a while, and the first reply wins.
// Guarantee: the other one is cancelled, and nothing it does later is heard of.
import { setTimeout as delay } from 'node:timers/promises';
import type { ChatReply, ChatRequest } from '../chat-backend.ts';
import type { Admission } from './route-breaker.ts';
import type { Route } from './route.ts';

export interface Asked {
  route: Route;
  reply: Promise<ChatReply>;
  /** Something of the answer has arrived. */
  isAlive(): boolean;
  cancel(): void;
}

export function startAsking(route: Route, admission: Admission, request: ChatRequest): Asked {
  const controller = new AbortController();
  let isAlive = false;
  const reply = route.ask(
    {
      ...request,
      signal: AbortSignal.any([request.signal, controller.signal]),
      isComplete: (text) => {
        isAlive = true;
        return request.isComplete(text);
      },
    },
    admission,
  );
  return { route, reply, isAlive: () => isAlive, cancel: () => controller.abort() };
}

/** Throws what the first one threw, unless the second has a reply. */
export async function askHedged(
  first: Asked,
  afterMs: number,
  second: () => Asked | null,
): Promise<{ reply: ChatReply; route: Route }> {
  const waiting = new AbortController();
  const isLate = await Promise.race([
    Promise.allSettled([first.reply]).then(() => false),
    delay(afterMs, true, { signal: waiting.signal }).catch(() => false),
  ]);
  waiting.abort();
  const other = isLate && !first.isAlive() ? second() : null;
  if (other === null) return { reply: await first.reply, route: first.route };
  try {
    return await Promise.any([first, other].map(async ({ reply, route }) => ({ reply: await reply, route })));
  } catch {
    return { reply: await first.reply, route: first.route };
  } finally {
    first.cancel();
    other.cancel();
  }
}
