// The guard in front of every cloud: the order of its steps, that each can stop the text, and that money is settled once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../../../src/lib/app-error.ts';
import type { ChatMessage, ChatReply, ChatRequest } from '../../../src/model/chat-backend.ts';
import { createCloudGuard } from '../../../src/model/cloud-guard.ts';
import type { CloudGuard, CloudTarget } from '../../../src/model/cloud-guard.ts';
import { ModelError } from '../../../src/model/model-error.ts';
import { createPrivacyScreen } from '../../../src/privacy/create-privacy-screen.ts';
import { parsePrivacyRules } from '../../../src/privacy/privacy-rules.ts';
import { createRecordingPermit } from '../../helpers/cloud-permit.ts';
import type { RecordingPermit } from '../../helpers/cloud-permit.ts';

const TARGET: CloudTarget = {
  backend: 'openrouter',
  model: 'a/b',
  price: { promptUsdPerMillion: 1, completionUsdPerMillion: 10 },
};
const guard = (rules = '', maxRuns?: number): CloudGuard =>
  createCloudGuard({
    screen: createPrivacyScreen({ rules: parsePrivacyRules(rules, 'rules') }),
    ...(maxRuns !== undefined && { maxRuns }),
  });

function ask(
  cloud: RecordingPermit | undefined,
  contents: readonly string[],
  overrides: Partial<ChatRequest> = {},
): ChatRequest {
  const roles: ChatMessage['role'][] = ['system', 'user', 'assistant', 'user', 'assistant', 'user'];
  return {
    runId: 'run',
    messages: contents.map((content, index) => ({ role: roles[index] ?? 'user', content })),
    maxOutputTokens: 1000,
    signal: new AbortController().signal,
    isComplete: () => false,
    ...(cloud !== undefined && { cloud }),
    ...overrides,
  };
}

const reply = (text: string, overrides: Partial<ChatReply> = {}): ChatReply => ({
  text,
  finishReason: 'stop',
  inputTokens: 100,
  outputTokens: 10,
  tokensEstimated: false,
  timeToFirstTokenMs: 1,
  durationMs: 2,
  backend: 'openrouter',
  model: 'a/b',
  degraded: false,
  ...overrides,
});

test('every step before the text leaves, then the money, in this order', async () => {
  const permit = createRecordingPermit();
  const sent: ChatRequest[] = [];
  const answer = await guard().ask(
    ask(permit, ['prompt', 'my password: hunter2', '', "<result>\n{'a': 'hunter2'}\n</result>"]),
    TARGET,
    async (screened) => {
      permit.events.push('send');
      sent.push(screened);
      return reply('<reply>[withheld:password-1]</reply>', { costUsd: 0.25 });
    },
  );
  assert.deepEqual(permit.events, ['reserve', 'egress', 'send', 'settle']);
  assert.doesNotMatch(JSON.stringify(sent), /hunter2/);
  assert.equal(sent[0]?.cloud, undefined, 'a backend has no use for the permit');
  assert.deepEqual([answer.text, answer.costUsd], ['<reply>hunter2</reply>', 0.25]);
  const [egress] = permit.egresses;
  assert.deepEqual([egress?.backend, egress?.model, egress?.redactions], ['openrouter', 'a/b', 2]);
  assert.equal(egress?.sizeBytes, Buffer.byteLength(JSON.stringify(sent[0]?.messages)));
  assert.deepEqual(permit.settledUsd, [0.25]);
  assert.ok((permit.reservedUsd[0] ?? 0) >= 1000 * 10e-6);
});

test('what any step refuses does not leave', async () => {
  const isDown = createRecordingPermit({ isAuditDown: true });
  const noConsent = createRecordingPermit({ consent: false });
  const cases: [RecordingPermit | undefined, string, string, string][] = [
    [undefined, '', 'x', 'CONSENT_REQUIRED'],
    [noConsent, '', 'x', 'CONSENT_REQUIRED'],
    [createRecordingPermit(), 'refuse hush', 'a hush b', 'PRIVACY_REFUSED'],
    [createRecordingPermit({ budgetUsd: 0 }), '', 'x', 'BUDGET_EXCEEDED'],
    [createRecordingPermit({ budgetUsd: 0.001 }), '', 'x', 'BUDGET_EXCEEDED'],
    [isDown, '', 'x', 'AUDIT_UNAVAILABLE'],
  ];
  for (const [permit, rules, content, code] of cases) {
    const send = (): Promise<ChatReply> => assert.fail('it was sent');
    await assert.rejects(guard(rules).ask(ask(permit, ['p', content]), TARGET, send), { code });
  }
  assert.deepEqual(noConsent.events, []);
  assert.deepEqual(isDown.settledUsd, [0]);
});

test('a question that is cancelled while its egress is recorded does not leave', async () => {
  const cancel = new AbortController();
  const permit = createRecordingPermit();
  const record = permit.recordEgress.bind(permit);
  permit.recordEgress = async (egress) => {
    await record(egress);
    cancel.abort();
  };
  const send = (): Promise<ChatReply> => assert.fail('it was sent');
  const request = ask(permit, ['p', 'q'], { signal: cancel.signal });
  await assert.rejects(guard().ask(request, TARGET, send), { code: 'CANCELLED' });
  assert.deepEqual(permit.settledUsd, [0]);
});

test('the cost: what the server says, else the dearest price of its tokens, else the most it could be', async () => {
  const settled = async (send: () => Promise<ChatReply>): Promise<[number[], number]> => {
    const permit = createRecordingPermit();
    await Promise.allSettled([guard().ask(ask(permit, ['p', 'q']), TARGET, send)]);
    return [permit.settledUsd, permit.reservedUsd[0] ?? 0];
  };
  assert.deepEqual((await settled(async () => reply('x', { costUsd: 0 })))[0], [0]);
  assert.deepEqual((await settled(async () => reply('x')))[0], [(100 * 1 + 10 * 10) / 1e6]);
  const failed = (error: Error): Promise<[number[], number]> =>
    settled(async () => {
      throw error;
    });
  const [[unsent]] = await failed(new ModelError('backend', 'MODEL_UNAVAILABLE', 'm', { costUsd: 0 }));
  assert.equal(unsent, 0);
  const [[known]] = await failed(new ModelError('backend', 'MODEL_FAILED', 'm', { costUsd: 0.125 }));
  assert.equal(known, 0.125);
  for (const error of [new ModelError('backend', 'MODEL_UNAVAILABLE', 'm'), new AppError('MODEL_PROTOCOL', 'm')]) {
    const [[unknown], reserved] = await failed(error);
    assert.equal(unknown, reserved);
  }
  const [made, reserved] = await settled(async () => reply('<reply>[withheld:key-9]</reply>', { costUsd: 0.5 }));
  assert.deepEqual(made, [0.5], 'an answer that is refused has cost what it cost');
  assert.ok(reserved > 0);
});

test('a caller who hangs up has paid before anyone adds it up', async () => {
  const permit = createRecordingPermit();
  const cancel = new AbortController();
  const answer = Promise.withResolvers<ChatReply>();
  const asked = guard().ask(ask(permit, ['p', 'q'], { signal: cancel.signal }), TARGET, () => answer.promise);
  await new Promise(setImmediate);
  cancel.abort();
  assert.deepEqual(permit.settledUsd, permit.reservedUsd);
  answer.resolve(reply('late', { costUsd: 0.1 }));
  await asked;
  assert.deepEqual(permit.settledUsd, permit.reservedUsd, 'settled once');
});

test('the most that a text can cost bounds what any tokeniser makes of it', async () => {
  for (const text of [
    'plain English words '.repeat(500),
    '0f'.repeat(5000),
    '漢字かな交じり'.repeat(700),
    '🦊'.repeat(2000),
  ]) {
    const permit = createRecordingPermit();
    await guard().ask(ask(permit, ['p', text], { maxOutputTokens: 0 }), TARGET, async () => reply('x'));
    const tokens = (permit.reservedUsd[0] ?? 0) * 1e6;
    assert.ok(tokens >= Buffer.byteLength(text) / 2, `${tokens} tokens`);
  }
});

test('a run keeps its placeholders over its turns and over the backends of one guard; the oldest runs are forgotten', async () => {
  const shared = guard('', 2);
  const seen: string[] = [];
  const turn = async (runId: string, backend: string, contents: string[]): Promise<void> => {
    const request = ask(createRecordingPermit(), contents, { runId });
    await shared.ask(request, { ...TARGET, backend }, async ({ messages }) => {
      seen.push(messages.map(({ content }) => content).join('|'));
      return reply('x');
    });
  };
  await turn('a', 'one', ['p', '- password: aaaa1']);
  await turn('a', 'two', ['p', 'say aaaa1', 'x', '- password: bbbb2']);
  assert.deepEqual(seen.splice(0), [
    'p|- password: [withheld:password-1]',
    'p|say [withheld:password-1]|x|- password: [withheld:password-2]',
  ]);
  await turn('b', 'one', ['p', 'b']);
  await turn('c', 'one', ['p', 'c']);
  await turn('a', 'one', ['p', 'aaaa1 is a word again']);
  assert.equal(seen.at(-1), 'p|aaaa1 is a word again');
});

test('a secret that is named further down is withheld further up too', async () => {
  const permit = createRecordingPermit();
  await guard().ask(
    ask(permit, ['p', 'is sesam77 right?', 'x', '- password: sesam77']),
    TARGET,
    async ({ messages }) => {
      assert.doesNotMatch(JSON.stringify(messages), /sesam77/);
      return reply('x');
    },
  );
  assert.equal(permit.egresses[0]?.redactions, 2);
});

test('what a run has seen of a note is known in any part of it, until the run is over', async () => {
  const shared = guard();
  const request = ask(createRecordingPermit(), ['p', "<result>\n{'line': 'bank: gannetrock4'}\n</result>"]);
  const sent = async (): Promise<string> => {
    let text = '';
    await shared.ask(request, TARGET, async ({ messages }) => {
      text = JSON.stringify(messages);
      return reply('x');
    });
    return text;
  };
  shared.observe('run', '## Logins\n\n- bank: gannetrock4\n');
  assert.doesNotMatch(await sent(), /gannetrock4/);
  shared.forget('run');
  assert.match(await sent(), /gannetrock4/);
});
