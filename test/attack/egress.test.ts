// What leaves for a cloud model, counted to the byte at a stand-in: the whole agent with real notes, sandbox and guard, and
// secrets of every kind planted in notes and questions. The control switches the screen off: then the checker finds them.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { test } from 'node:test';
import type { AgentResult } from '../../src/agent/ports.ts';
import { createCloudPermit } from '../../src/auth/cloud-permit.ts';
import { createBudgets } from '../../src/auth/budgets.ts';
import type { CloudRights } from '../../src/auth/principal.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createCloudGuard } from '../../src/model/cloud-guard.ts';
import { openOpenRouterBackend } from '../../src/model/openrouter/openrouter-backend.ts';
import { defaultOpenRouterOptions } from '../../src/model/openrouter/openrouter-options.ts';
import { createPrivacyScreen } from '../../src/privacy/create-privacy-screen.ts';
import type { PrivacyScreen } from '../../src/privacy/create-privacy-screen.ts';
import { parsePrivacyRules } from '../../src/privacy/privacy-rules.ts';
import { block, reply } from '../helpers/agent-run.ts';
import { defaultMarket } from '../helpers/engine/openrouter-market.ts';
import type { EngineScript } from '../helpers/engine/script.ts';
import { startEngine } from '../helpers/engine/start-engine.ts';
import type { Engine } from '../helpers/engine/start-engine.ts';
import { cryptoRandom, findPlanted, plantSecret, SECRET_KINDS, TOKEN_MAKERS } from '../helpers/planted-secrets.ts';
import type { PlantedSecret } from '../helpers/planted-secrets.ts';
import { openRealAgent } from '../helpers/real-agent.ts';
import type { RealAgent } from '../helpers/real-agent.ts';

/** The planted bug: everything passes as it is. */
const SCREEN_OFF: PrivacyScreen = {
  open: () => ({
    withheld: 0,
    learn: () => undefined,
    redact: (text) => ({ text, redactions: 0 }),
    restore: (text) => text,
  }),
};
const RULE_WORDS = ['Project Nightjar', 'Olsen'];
const RULES = parsePrivacyRules(RULE_WORDS.map((word) => `redact ${word}`).join('\n'), 'rules');
const screenOn = (): PrivacyScreen => createPrivacyScreen({ rules: RULES });

interface CloudAgent extends AsyncDisposable {
  agent: RealAgent;
  cloud: Engine;
  ask(question: string, rights?: Partial<CloudRights>): Promise<AgentResult>;
}

async function openCloudAgent(screen: PrivacyScreen, script: EngineScript): Promise<CloudAgent> {
  await using opening = new AsyncDisposableStack();
  const cloud = opening.use(await startEngine({ kind: 'openrouter', script }));
  const guard = createCloudGuard({ screen });
  const backend = opening.use(
    openOpenRouterBackend({
      ...defaultOpenRouterOptions,
      baseUrl: cloud.baseUrl,
      apiKey: defaultMarket.apiKey,
      models: ['vendor/large'],
      guard,
      clock: systemClock,
    }),
  );
  const agent = opening.use(await openRealAgent({}, { backend, onText: (runId, text) => guard.observe(runId, text) }));
  const budgets = createBudgets({ spent: () => ({ tokens: 0, microUsd: 0 }), clock: systemClock });
  const stack = opening.move();
  return {
    agent,
    cloud,
    ask: async (question, rights = {}) => {
      const request = agent.request(question);
      const principal = {
        kind: 'key' as const,
        id: 'k',
        cloud: { consent: true, budgetUsdPerMonth: 50, account: 'k', ...rights },
      };
      const { callId, operation } = request.auditCall;
      const permit = createCloudPermit({ principal, budgets, auditCall: { callId, operation } });
      return await agent.service.ask({ ...request, cloud: permit });
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Raw bytes, and once more as the model reads them. */
async function arrived(cloud: Engine): Promise<string> {
  const { requests } = await cloud.received();
  const seen = await cloud.requests();
  const read = seen.flatMap(({ body }) => body.messages.map(({ content }) => content));
  return [...requests.map(({ path, body }) => `${path}\n${body}`), ...read].join('\n');
}

const disguises: ((value: string) => string)[] = [
  (value) => `${value.slice(0, 9)}\u200B${value.slice(9)}`,
  (value) => `${value.slice(0, 14)}\n> ${value.slice(14)}`,
  (value) => encodeURIComponent(value).replace(/[-_]/g, (c) => `%${c.charCodeAt(0).toString(16)}`),
  (value) => `**${value.slice(0, 6)}**${value.slice(6)}`,
];

function plantAll(): { plain: PlantedSecret[]; disguised: PlantedSecret[]; words: PlantedSecret[] } {
  const plain = SECRET_KINDS.map((kind) => plantSecret(kind, cryptoRandom));
  const disguised = Object.keys(TOKEN_MAKERS).map((kind, index) => {
    const { value } = plantSecret(kind, cryptoRandom);
    return { kind: `disguised ${kind}`, value, written: disguises[index % disguises.length]?.(value) ?? value };
  });
  const words = RULE_WORDS.map((word) => ({ kind: 'rule', value: word, written: `She runs ${word} since May.` }));
  return { plain, disguised, words };
}

const NOTES = 6;

async function runWithPlanted(
  screen: PrivacyScreen,
): Promise<{ found: string[]; sizeBytes: number; withheld: number }> {
  const { plain, disguised, words } = plantAll();
  const inNotes = [...plain, ...disguised, ...words];
  const inQuestion = [...SECRET_KINDS].map((kind) => plantSecret(kind, cryptoRandom));
  const turns = Array.from({ length: NOTES }, (_unused, note) => block(`text = read_file("notes/${note}.md")`));
  const searches = [block('hits = search_memory("password key token")'), block('gone = read_file("notes/none.md")')];
  await using run = await openCloudAgent(screen, {
    rules: [{ pattern: '.', replies: [...turns, ...searches, reply('Done.')] }],
  });
  const directory = join(run.agent.root.directory, 'notes');
  await mkdir(directory);
  for (let note = 0; note < NOTES; note += 1) {
    const own = inNotes.filter((_secret, index) => index % NOTES === note).map(({ written }) => written);
    await writeFile(join(directory, `${note}.md`), `# Note ${note}\n\n${own.join('\n\n')}\n\nAnna lives in Bergen.\n`);
  }
  const question = `Tidy up my notes. ${inQuestion.map(({ written }) => written).join('\n\n')}`;
  assert.equal((await run.ask(question)).reply, 'Done.');
  const text = await arrived(run.cloud);
  assert.match(text, /Anna lives in Bergen/, 'the notes themselves did arrive');
  assert.equal((await run.cloud.requests()).length, turns.length + searches.length + 1);
  const sends = run.agent.operations.filter(({ operation }) => operation === 'cloud.send');
  assert.equal(sends.length, turns.length + searches.length + 1, 'each egress is in the audit');
  return {
    found: findPlanted(text, [...inNotes, ...inQuestion]).map(({ kind, value }) => `${kind}: ${value}`),
    sizeBytes: (await run.cloud.received()).sizeBytes,
    withheld: (text.match(/\[withheld:/g) ?? []).length,
  };
}

test('the control: with the screen off the checker finds every planted secret', async () => {
  const { found } = await runWithPlanted(SCREEN_OFF);
  const planted = SECRET_KINDS.length * 2 + Object.keys(TOKEN_MAKERS).length + RULE_WORDS.length;
  assert.equal(found.length, planted);
});

test('with the screen on not one of them arrives', async () => {
  const { found, sizeBytes, withheld } = await runWithPlanted(screenOn());
  assert.deepEqual(found, []);
  assert.ok(sizeBytes > 10_000 && withheld > 100, `${sizeBytes} bytes, ${withheld} placeholders`);
});

test('a value that a block takes out of its note, or that a search shows without its name, does not arrive', async () => {
  await using run = await openCloudAgent(screenOn(), {
    replies: [
      block('hits = search_memory("savings bank")'),
      block('mine = [line.split(": ")[1] for line in read_file("logins.md").split("\\n") if "mail" in line]'),
      block('raw = open("codes.md", "rb").read()[-20:]'),
      reply('Done.'),
    ],
  });
  const files = {
    'logins.md': '# Everything\n\n## Logins\n\n- savings bank: gannetrock4\n- mail: puffin rookery\n',
    'codes.md': `# Codes\n\n${'-'.repeat(300)}\n\n## Recovery codes\n\n- a1b2c3d4-e5f6\n`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(run.agent.root.directory, name), text);
  while ((await run.agent.root.search('gannetrock4', 1)).length === 0) await setTimeout(20);
  await run.ask('Which logins do I have?');
  const text = await arrived(run.cloud);
  assert.doesNotMatch(text, /gannetrock4|puffin rookery|a1b2c3d4/);
  assert.match(text, /savings bank: \[withheld:/, 'the search did show the line');
  assert.match(text, /'mine': \['\[withheld:/);
});

test('without consent or budget not one byte arrives at all', async () => {
  await using run = await openCloudAgent(screenOn(), {});
  for (const [rights, code] of [
    [{ consent: false }, 'CONSENT_REQUIRED'],
    [{ budgetUsdPerMonth: 0 }, 'BUDGET_EXCEEDED'],
    [{ budgetUsdPerMonth: 0.001 }, 'BUDGET_EXCEEDED'],
  ] as const) {
    await assert.rejects(run.ask('Where do I live?', rights), { code });
  }
  assert.deepEqual(await run.cloud.received(), { connections: 0, sizeBytes: 0, requests: [] });
  assert.deepEqual(run.agent.operations, []);
});

test('a cloud model edits a note with a secret in it, and the note holds the secret, not its placeholder', async () => {
  const name = '[withheld:password-1]';
  await using run = await openCloudAgent(screenOn(), {
    replies: [
      block('text = read_file("wifi.md")'),
      block(`done = update_file("wifi.md", "- password: ${name}", "- password: ${name}\\n- router: hall")`),
      reply(`The password is ${name}.`),
    ],
  });
  const path = join(run.agent.root.directory, 'wifi.md');
  await writeFile(path, '# Wifi\n\n- password: kittiwake77\n');
  assert.equal((await run.ask('What is the wifi password?')).reply, 'The password is kittiwake77.');
  assert.equal(await readFile(path, 'utf8'), '# Wifi\n\n- password: kittiwake77\n- router: hall\n');
  assert.doesNotMatch(await arrived(run.cloud), /kittiwake/);
});

test('a secret that cannot be written safely ends the run, and the note stays as it was', async () => {
  const name = '[withheld:password-1]';
  await using run = await openCloudAgent(screenOn(), {
    replies: [block('text = read_file("wifi.md")'), block(`create_file("wifi.md", '- password: ${name}')`), reply('x')],
  });
  const path = join(run.agent.root.directory, 'wifi.md');
  const note = "# Wifi\n\n- password: x'); delete_file('user.md'); print('7\n";
  await writeFile(path, note);
  await assert.rejects(run.ask('Tidy up'), { code: 'PRIVACY_REFUSED' });
  assert.equal(await readFile(path, 'utf8'), note);
  assert.ok((await readFile(join(run.agent.root.directory, 'user.md'), 'utf8')).length > 0);
});
