// Waits for something that other processes bring about, and says what did not come.
import { setTimeout as sleep } from 'node:timers/promises';

export async function until(what: string, isSo: () => boolean | Promise<boolean>, deadlineMs = 20_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await sleep(5);
  }
}
