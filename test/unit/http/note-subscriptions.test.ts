// News of changed notes on open streams: each caller hears of its own root and its own paths, and of nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Policy } from '../../../src/auth/policy.ts';
import { modernCall, principalOf, startHarness, type Harness } from '../../helpers/http-harness.ts';
import { until } from '../../helpers/until.ts';

interface Listening {
  text: string;
  end(): Promise<void>;
}

async function listen(harness: Harness, key: string): Promise<Listening> {
  const call = modernCall('subscriptions/listen', {
    notifications: {
      resourcesListChanged: true,
      resourceSubscriptions: ['memory:///user.md', 'memory:///projects/ark.md'],
    },
  });
  const response = await harness.post(call.body, { key, headers: call.headers });
  assert.equal(response.status, 200);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.ok(reader);
  const heard: Listening = { text: '', end: () => reader.cancel() };
  void (async () => {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) heard.text += piece.value;
  })();
  await until('the stream is open', () => heard.text.includes('acknowledged'));
  heard.text = '';
  return heard;
}

test('a stream carries the news of its root and of its paths only', async () => {
  await using harness = await startHarness();
  const verify = harness.ports.verifyKey;
  const callers: Record<string, { root: string; policy: Policy }> = {
    whole: { root: 'default', policy: {} },
    scoped: { root: 'default', policy: { readPaths: ['projects/'] } },
    work: { root: 'work', policy: {} },
  };
  harness.ports.verifyKey = (token) => harness.ports.principalOf(`k_${token}`) ?? verify(token);
  harness.ports.principalOf = (id) => {
    const caller = callers[id.slice('k_'.length)];
    return caller && { ...principalOf(['memory:read'], id), ...caller };
  };
  const whole = await listen(harness, 'whole');
  const scoped = await listen(harness, 'scoped');
  const work = await listen(harness, 'work');
  const { mcp } = harness.apps;

  mcp.notifyNotesChanged(['user.md'], true);
  await until('the whole root hears', () => /updated[^]*list_changed/.test(whole.text));
  assert.match(whole.text, /user\.md/);
  mcp.notifyNotesChanged(['projects/ark.md'], true);
  await until('the scoped caller hears', () => /ark\.md[^]*list_changed/.test(scoped.text));
  assert.equal(scoped.text.match(/list_changed/g)?.length, 1, 'not even that something else has changed');
  assert.doesNotMatch(scoped.text, /user\.md/);
  assert.equal(work.text, '');

  mcp.notifyNotesChanged(['user.md'], true, 'work');
  await until('the other root hears', () => work.text.includes('list_changed'));
  assert.doesNotMatch(work.text, /ark/);
  assert.equal(whole.text.match(/list_changed/g)?.length, 2);
  for (const stream of [whole, scoped, work]) await stream.end();
});
