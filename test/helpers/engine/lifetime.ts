// How long a test engine lives: it ends with the test that started it, or after a bounded time if a supervisor did.
// Guarantee: none outlives MEMA_ENGINE_MAX_LIFE_MS (10 minutes), unless it is stopped by a signal that stops all of it.
const LONGEST_MS = 600_000;

export function maxLifeMs(): number {
  const asked = Number(process.env['MEMA_ENGINE_MAX_LIFE_MS']);
  return asked > 0 && asked < LONGEST_MS ? asked : LONGEST_MS;
}

/** With MEMA_ENGINE_PARENT=stdin the parent's death, which closes our stdin, ends us; else stdin means nothing. */
export function limitLifetime(): void {
  setTimeout(() => process.exit(0), maxLifeMs()).unref();
  if (process.env['MEMA_ENGINE_PARENT'] !== 'stdin') return;
  process.stdin.resume();
  process.stdin.on('end', () => process.exit(0));
}

/** What SIGTERM and SIGINT do, unless they are ignored just then; null is the system's own way: they end the process. */
export function onTermination(isIgnored: () => boolean, action: (() => void) | null): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isIgnored()) return;
      if (action !== null) return action();
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    });
  }
}
