// Progress that always increases, and a sign of life every few seconds, for the clients that asked for it.
import type { ServerContext } from '@modelcontextprotocol/server';

const HEARTBEAT_MS = 5_000;

export interface ProgressReporter extends Disposable {
  report(message: string): void;
}

/** `onLost` hears of notifications that could not be delivered; the run's own signal says when the client is gone. */
export function startProgress(
  context: ServerContext,
  onLost: (error: unknown) => void,
  heartbeatMs = HEARTBEAT_MS,
): ProgressReporter {
  const progressToken = context.mcpReq._meta?.progressToken;
  if (progressToken === undefined) return { report: () => undefined, [Symbol.dispose]: () => undefined };
  let progress = 0;
  let latest = 'Working';
  const send = (message: string): void => {
    progress += 1;
    context.mcpReq
      .notify({ method: 'notifications/progress', params: { progressToken, progress, message } })
      .catch(onLost);
  };
  const timer = setInterval(() => send(latest), heartbeatMs);
  timer.unref();
  return {
    report(message) {
      latest = message;
      send(message);
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
