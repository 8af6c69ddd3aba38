// One key with 1,000 queued questions over real HTTP: the next free place is another key's, and one more of its own is told
// when to come back, as a plain 429.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callTool, postJson } from '../helpers/call-tool.ts';
import { startEngine } from '../helpers/engine/start-engine.ts';
import type { EngineScript } from '../helpers/engine/script.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';

const QUEUED = 1000;
const AT_ONCE = 100;
/** The busy key's questions hold their place until their client goes away. */
const SCRIPT: EngineScript = {
  rules: [
    { pattern: '^busy', replies: [{ text: '', fault: 'hang' }] },
    { pattern: '^single', replies: ['<think>It is easy.</think>\n<python></python>\n<reply>here you are</reply>'] },
  ],
};

for (const places of [1, 4]) {
  test(`${places} at once, ${QUEUED} of one key waiting: another key is next`, { timeout: 240_000 }, async () => {
    await using engine = await startEngine({ script: SCRIPT });
    await using daemon = await startDaemon({
      flags: Object.entries({
        '--model.base-url': engine.baseUrl,
        '--sandbox.standby': '0',
        '--agent.max-concurrent-runs': String(places),
        '--agent.max-queued-runs': '4000',
        '--agent.max-queued-runs-per-key': String(QUEUED),
        '--http.max-connections': '4000',
        '--http.max-connections-per-address': '4000',
      }).flat(),
    });
    const busy = { url: daemon.url, key: daemon.keys.client };
    const created = await daemon.cli('keys', 'create', '--name', 'single', '--scopes', 'agent,memory:read', '--json');
    const { key } = JSON.parse(created.stdout) as { key: string };
    const clients: AbortController[] = [];
    const asked: Promise<unknown>[] = [];
    while (clients.length < places + QUEUED) {
      const client = new AbortController();
      const question = `busy ${clients.push(client) - 1}`;
      asked.push(Promise.allSettled([callTool(busy, 'use_memory_agent', { question }, client.signal)]));
      // Not all at once: a busy machine would not take so many connections in time.
      if (clients.length % AT_ONCE === 0) await depth(daemon, clients.length - places);
    }
    await depth(daemon, QUEUED);
    const begun = (await engine.requests()).map(({ body }) => body.messages[1]?.content ?? '');
    assert.equal(begun.length, places);

    const call = { name: 'use_memory_agent', arguments: { question: 'busy, one too many' } };
    const refused = await postJson(busy, JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: call }));
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers.get('retry-after')) >= 1, String(refused.headers.get('retry-after')));
    assert.match(await refused.text(), /QUEUE_FULL/);

    const single = callTool({ url: daemon.url, key }, 'use_memory_agent', { question: 'single' });
    await depth(daemon, QUEUED + 1);
    const [first = ''] = begun;
    clients[Number(first.replace('busy ', ''))]?.abort();
    const answer = await single;
    assert.equal(answer.text, 'here you are');
    const order = (await engine.requests()).map(({ body }) => body.messages[1]?.content ?? '');
    assert.equal(order.indexOf('single'), places, 'somebody of the busy key came before');
    for (const client of clients) client.abort();
    await Promise.all(asked);
  });
}

async function depth(daemon: DaemonProcess, wanted: number): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    const metrics = await (await fetch(new URL('/metrics', daemon.opsUrl))).text();
    const found = Number(/^memagent_queue_depth (\d+)$/m.exec(metrics)?.[1]);
    if (found === wanted) return;
    assert.ok(found <= wanted, `${found} are waiting, not ${wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`never ${wanted} waiting`);
}
