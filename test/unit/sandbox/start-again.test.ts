// A sandbox that could not start, because of something that passes, starts by itself once it has passed.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSandbox } from '../../../src/sandbox/create-sandbox.ts';
import { SANDBOX_CACHE } from '../../helpers/sandbox-cache.ts';
import { until } from '../../helpers/until.ts';

test('a start that failed is tried again, and Python runs', { timeout: 120_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mem-agent-again-'));
  const cacheDirectory = join(directory, 'cache');
  writeFileSync(cacheDirectory, 'in the way');
  const seen: string[] = [];
  const { signal } = new AbortController();
  try {
    await using sandbox = createSandbox({
      require: 'none',
      standby: 0,
      retryMs: 20,
      cacheDirectory,
      onEvent: (event) => void (event.type === 'self-test' && seen.push(event.status.state)),
    });
    const open = () => sandbox.openRun({ onCall: () => Promise.resolve(null), signal });
    await assert.rejects(open(), { code: 'SANDBOX_UNAVAILABLE', message: /EEXIST|ENOTDIR/, hint: /mem-agent health/ });
    await until('it fails again', () => seen.length > 1);
    rmSync(cacheDirectory);
    mkdirSync(SANDBOX_CACHE, { recursive: true });
    symlinkSync(SANDBOX_CACHE, cacheDirectory);
    await until('it has started', () => sandbox.status().state === 'ok', 60_000);
    await using run = await open();
    const outcome = await run.execute('answer = 6 * 7', { timeoutMs: 20_000, signal });
    assert.equal(outcome.kind === 'done' && outcome.variablesJson['answer'], 42);
    assert.deepEqual([...new Set(seen)], ['failed', 'ok']);
    assert.equal(sandbox.status().reason, '');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
