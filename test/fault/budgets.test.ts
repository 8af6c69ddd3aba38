// Budgets over a real daemon and a model server that counts tokens: 64 clients at once use no token more than their key may,
// a restart, a kill -9 and a wall clock that jumps to and fro give none back; one midnight opens one day.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { callTool, postJson, type ToolTarget } from '../helpers/call-tool.ts';
import { startEngine } from '../helpers/engine/start-engine.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { projectRoot } from '../helpers/source-files.ts';
import { startDaemon, type DaemonProcess, type StartDaemonOptions } from '../helpers/start-daemon.ts';

const CLIENTS = 64;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** So small that a turn, set aside at its most, is a small part of a budget. */
const MAX_OUTPUT_TOKENS = 128;
const ANSWER = '<think>It is easy.</think>\n<python></python>\n<reply>here you are</reply>';

interface Usage {
  calls: number;
  tokens: number;
}

async function usageOf(daemon: DaemonProcess, keyId: string): Promise<Usage> {
  const { stdout } = await daemon.cli('usage', 'report', '--last', '3d', '--json');
  const { rows } = JSON.parse(stdout) as {
    rows: { group: string; calls: number; inputTokens: number; outputTokens: number }[];
  };
  const row = rows.find(({ group }) => group === keyId);
  return { calls: row?.calls ?? 0, tokens: (row?.inputTokens ?? 0) + (row?.outputTokens ?? 0) };
}

async function createKey(daemon: DaemonProcess, ...flags: string[]): Promise<{ id: string; key: string }> {
  const made = await daemon.cli(
    'keys',
    'create',
    '--name',
    'test',
    '--scopes',
    'agent,memory:read',
    '--json',
    ...flags,
  );
  assert.equal(made.code, 0, made.stderr);
  return JSON.parse(made.stdout) as { id: string; key: string };
}

const ask = (target: ToolTarget) => callTool(target, 'use_memory_agent', { question: 'where?' });

/** As often as it is answered; the refusal ends it. Others may have set aside what is missing, so a few more are tried. */
async function askUntilRefused(target: ToolTarget): Promise<number> {
  let answered = 0;
  for (let refusals = 0; refusals < 3;) {
    const answer = await ask(target);
    if (answer.ok) answered += 1;
    else {
      assert.equal(answer.code, 'BUDGET_EXCEEDED', answer.text);
      refusals += 1;
      await sleep(5);
    }
  }
  return answered;
}

test('64 clients, a restart, a kill -9, an hour forward and back', { timeout: 240_000 }, async (t) => {
  await using engine = await startEngine({ script: { rules: [{ pattern: '.', replies: [ANSWER] }] } });
  using home = tempDirectory();
  const shiftFile = join(home.path, 'shift');
  // Half an hour before midnight, whenever the test runs.
  const halfPastEleven = Math.floor(Date.now() / DAY_MS) * DAY_MS + 23.5 * HOUR_MS - Date.now();
  const shift = (ms: number): void => writeFileSync(shiftFile, String(halfPastEleven + ms));
  shift(0);
  const options: StartDaemonOptions = {
    stateDir: join(home.path, 'state'),
    memoryDir: join(home.path, 'memory'),
    nodeFlags: ['--import', join(projectRoot, 'test/helpers/shifted-clock.ts')],
    env: { MEMA_CLOCK_SHIFT_FILE: shiftFile },
    flags: Object.entries({
      '--model.base-url': engine.baseUrl,
      '--model.max-output-tokens': String(MAX_OUTPUT_TOKENS),
      '--sandbox.standby': '0',
    }).flat(),
  };
  let daemon = await startDaemon(options);
  try {
    const probe = await createKey(daemon);
    assert.ok((await ask({ url: daemon.url, key: probe.key })).ok);
    const perRun = (await usageOf(daemon, probe.id)).tokens;
    assert.ok(perRun > 100, `a run takes ${perRun} tokens`);
    const budget = 200 * perRun;
    const { id, key } = await createKey(daemon, '--limit', `tokensPerDay=${budget}`);

    const answered = await Promise.all(
      Array.from({ length: CLIENTS }, () => askUntilRefused({ url: daemon.url, key })),
    );
    await askUntilRefused({ url: daemon.url, key });
    const used = await usageOf(daemon, id);
    const total = answered.reduce((sum, count) => sum + count, 0);
    assert.ok(used.tokens <= budget, `${used.tokens} of ${budget} tokens`);
    assert.ok(used.tokens > budget * 0.9, `${used.tokens} of ${budget} tokens, in ${total} answers`);
    t.diagnostic(`${CLIENTS} clients: ${used.tokens} of ${budget} tokens used, in ${total} answers`);

    const call = { name: 'use_memory_agent', arguments: { question: 'where?' } };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: call });
    const stillRefused = async (why: string): Promise<void> => {
      assert.equal((await ask({ url: daemon.url, key })).code, 'BUDGET_EXCEEDED', why);
      assert.equal((await usageOf(daemon, id)).tokens, used.tokens, why);
    };
    await daemon.stop();
    daemon = await startDaemon(options);
    await stillRefused('after a restart');
    daemon.kill('SIGKILL');
    await daemon.exited;
    daemon = await startDaemon(options);
    await stillRefused('after a kill -9');
    shift(-HOUR_MS);
    // What was used is in the future now, where the report does not look.
    assert.equal((await ask({ url: daemon.url, key })).code, 'BUDGET_EXCEEDED', 'an hour earlier');
    shift(HOUR_MS);
    await askUntilRefused({ url: daemon.url, key });
    const next = await usageOf(daemon, id);
    assert.ok(next.tokens > used.tokens && next.tokens <= 2 * budget, `${next.tokens} of two days of ${budget}`);
    shift(0);
    assert.equal((await ask({ url: daemon.url, key })).code, 'BUDGET_EXCEEDED', 'back in the first day');
    shift(HOUR_MS);
    assert.equal((await ask({ url: daemon.url, key })).code, 'BUDGET_EXCEEDED', 'and in the second again');
    assert.equal((await usageOf(daemon, id)).tokens, next.tokens);

    // Not one token is left: refused before an answer begins, with the time of the next day.
    const spent = await createKey(daemon, '--limit', 'tokensPerDay=1', '--limit', 'tokensPerMonth=2000000');
    assert.equal(
      (await ask({ url: daemon.url, key: spent.key })).code,
      'BUDGET_EXCEEDED',
      'a turn takes more than that',
    );
    assert.deepEqual(await usageOf(daemon, spent.id), { calls: 1, tokens: 0 });
    const none = await createKey(daemon);
    await ask({ url: daemon.url, key: none.key });
    const set = await daemon.cli('keys', 'set', none.id, '--limit', 'tokensPerDay=1');
    assert.equal(set.code, 0, set.stderr);
    const refused = await postJson({ url: daemon.url, key: none.key }, body);
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers.get('retry-after')) > 22 * 3600, String(refused.headers.get('retry-after')));
    assert.match(await refused.text(), /BUDGET_EXCEEDED/);
    const metrics = await (await fetch(`${daemon.opsUrl}/metrics`)).text();
    assert.match(metrics, /memagent_budget_refused_total\{budget="tokens_day"\} [1-9]/);
  } finally {
    await daemon[Symbol.asyncDispose]();
  }
});
