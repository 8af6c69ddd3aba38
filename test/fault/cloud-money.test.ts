// The cloud as the last resort, through a real daemon and a stand-in that counts every byte: nothing leaves without consent
// and money, and no planted secret ever does; with both, questions are answered when everything local is gone.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { callTool, type ToolAnswer } from '../helpers/call-tool.ts';
import { startEngine, type Engine } from '../helpers/engine/start-engine.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';

const CLOUD_KEY = 'sk-or-v1-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef';
const SECRETS = ['ghp_16C7e42F292c6912E7710c838347Ae178B4a', 'hunter2-very-secret', 'AKIAIOSFODNN7EXAMPLE'];
const NOTE = `# User\n- name: Ada\n- github token: ${SECRETS[0]}\n- password: ${SECRETS[1]}\n- aws key ${SECRETS[2]}\n`;
const READS_AND_ANSWERS = [
  // The value alone, without the word that says what it is.
  String.raw`<think>x</think><python>taken = read_file("user.md").split("password: ")[1].split("\n")[0]</python>`,
  '<think>x</think>\n<python></python>\n<reply>Ada</reply>',
];

interface Place extends AsyncDisposable {
  daemon: DaemonProcess;
  cloud: Engine;
  keyWith(...flags: string[]): Promise<string>;
}

async function start(flags: readonly string[] = []): Promise<Place> {
  await using stack = new AsyncDisposableStack();
  const home = stack.use(tempDirectory());
  const memoryDir = join(home.path, 'memory');
  const keyFile = join(home.path, 'cloud-key');
  mkdirSync(memoryDir);
  writeFileSync(join(memoryDir, 'user.md'), NOTE);
  writeFileSync(keyFile, CLOUD_KEY, { mode: 0o600 });
  const cloud = stack.use(
    await startEngine({
      kind: 'openrouter',
      env: { MEMA_OPENROUTER: JSON.stringify({ apiKey: CLOUD_KEY }) },
      script: { rules: [{ pattern: '.', replies: READS_AND_ANSWERS }] },
    }),
  );
  const daemon = stack.use(
    await startDaemon({
      memoryDir,
      flags: [
        '--openrouter.base-url',
        cloud.baseUrl,
        '--openrouter.api-key-file',
        keyFile,
        '--openrouter.models',
        'vendor/large',
        '--model.fallback',
        'none',
        '--sandbox.standby',
        '0',
        ...flags,
      ],
    }),
  );
  const owned = stack.move();
  return {
    daemon,
    cloud,
    async keyWith(...more) {
      const made = await daemon.cli(
        'keys',
        'create',
        '--name',
        'test',
        '--scopes',
        'agent,memory:read',
        '--json',
        ...more,
      );
      assert.equal(made.code, 0, made.stderr);
      return (JSON.parse(made.stdout) as { key: string }).key;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const ask = ({ daemon }: Place, key: string, question = 'what is my name?'): Promise<ToolAnswer> =>
  callTool({ url: daemon.url, key }, 'use_memory_agent', { question });

/** What came in besides the check of the account, which holds nothing of a memory. */
async function completionsOf({ cloud }: Place): Promise<{ path: string; body: string }[]> {
  const { requests } = await cloud.received();
  return requests.filter(({ path }) => path.includes('completions'));
}

test('without consent, and without money, not one byte leaves', async () => {
  await using place = await start();
  const refusals = [
    { flags: [], code: 'CONSENT_REQUIRED' },
    { flags: ['--cloud-budget-usd', '5'], code: 'CONSENT_REQUIRED' },
    { flags: ['--cloud-consent'], code: 'BUDGET_EXCEEDED' },
    { flags: ['--cloud-consent', '--cloud-budget-usd', '0'], code: 'BUDGET_EXCEEDED' },
    { flags: ['--cloud-consent', '--cloud-budget-usd', '0.0001'], code: 'BUDGET_EXCEEDED' },
  ];
  for (const { flags, code } of refusals) {
    const answer = await ask(place, await place.keyWith(...flags));
    assert.equal(answer.code, code, `${flags.join(' ')}: ${answer.text}`);
  }
  assert.deepEqual(await completionsOf(place), []);
  const metrics = await (await fetch(`${place.daemon.opsUrl}/metrics`)).text();
  assert.match(metrics, /memagent_fallback_refused_total\{reason="consent_required"\} 2/);
  assert.match(metrics, /memagent_fallback_refused_total\{reason="budget_exceeded"\} 3/);
});

test('with both it answers, under its rules; secrets stay here; cost is in the usage and every egress in the audit', async () => {
  await using place = await start();
  const key = await place.keyWith('--cloud-consent', '--cloud-budget-usd', '5');
  const answer = await ask(place, key, `what is my name? my token is ${SECRETS[0]}`);
  assert.ok(answer.ok, answer.text);
  assert.equal(answer.text, 'Ada');
  assert.equal(answer.structured['backend'], 'openrouter');
  const sent = await completionsOf(place);
  assert.equal(sent.length, 2);
  for (const { body } of sent) {
    for (const secret of SECRETS) assert.ok(!body.includes(secret), `${secret} left the machine`);
    const { provider } = JSON.parse(body) as { provider: Record<string, unknown> };
    assert.equal(provider['zdr'], true);
    assert.equal(provider['data_collection'], 'deny');
  }
  const tail = await place.daemon.cli('audit', 'tail', '--json');
  const egress = (JSON.parse(tail.stdout) as { operation?: string }[]).filter(
    ({ operation }) => operation === 'cloud.send',
  );
  assert.equal(egress.length, 2);
  const report = (await place.daemon.cli('usage', 'report', '--json')).stdout;
  const { rows } = JSON.parse(report) as { rows: { costUsd: number }[] };
  assert.ok(
    rows.some(({ costUsd }) => costUsd > 0),
    report,
  );
  const everything = `${place.daemon.stderr()}${tail.stdout}${await (await fetch(`${place.daemon.opsUrl}/metrics`)).text()}`;
  for (const secret of [...SECRETS, CLOUD_KEY, key]) assert.ok(!everything.includes(secret), 'a secret shows');
});
