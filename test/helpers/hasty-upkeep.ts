// Preloaded into a daemon (`node --import`): the upkeep of audit and usage looks twice a second, not two minutes after the start
// and then every ten minutes. Whatever waits exactly as long as one of the two comes sooner; nothing else does.
const WAITS_MS: readonly unknown[] = [120_000, 600_000];
const { setTimeout: trueSetTimeout } = globalThis;

globalThis.setTimeout = new Proxy(trueSetTimeout, {
  apply: (target, thisArg, [callback, delayMs, ...rest]: [() => void, unknown, ...unknown[]]) =>
    Reflect.apply(target, thisArg, [callback, WAITS_MS.includes(delayMs) ? 500 : delayMs, ...rest]),
});
