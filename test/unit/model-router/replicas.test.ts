// Replicas of one group: the load is shared, a run stays where its prefix cache is, and a hedge goes only where it may.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import type { ChatRequest } from '../../../src/model/chat-backend.ts';
import { ask, createGate, down, openBench, playBackend, route } from './router-fixture.ts';
import type { PlayedBackend } from './router-fixture.ts';

test('concurrent runs go to the least loaded', async () => {
  const gate = createGate();
  const backends = ['a', 'b', 'c', 'd'].map((name) => playBackend(name, gate.hold));
  const { router } = openBench(backends.map((backend) => route(backend)));
  const asked = Array.from({ length: 32 }, (_, run) => router.complete(ask({ runId: `r${run}` })));
  assert.deepEqual(
    router.list().map(({ outstanding }) => outstanding),
    [8, 8, 8, 8],
  );
  gate.open();
  await Promise.all(asked);
});

test('a run stays with its replica until that fails, and then with the other', async () => {
  const backends = [playBackend('a'), playBackend('b')];
  const { router } = openBench(
    backends.map((backend) => route(backend)),
    { breakerFailures: 1, breakerOpenMs: 10 },
  );
  const turn = async (): Promise<string> => (await router.complete(ask({ runId: 'mine' }))).backend;
  const own = await turn();
  for (let index = 0; index < 20; index += 1) assert.equal(await turn(), own);
  const mine = backends.find(({ name }) => name === own);
  assert.ok(mine !== undefined);
  mine.answer = down;
  const other = await turn();
  assert.notEqual(other, own);
  mine.answer = 'well again';
  await sleep(20);
  for (let index = 0; index < 20; index += 1) assert.equal(await turn(), other);
});

test('clearly more loaded: the run moves', async () => {
  const gate = createGate();
  const [a, b] = [playBackend('a'), playBackend('b')];
  const { router } = openBench([route(a), route(b)], { stickyMargin: 2 });
  const turn = async (): Promise<string> => (await router.complete(ask({ runId: 'mine' }))).backend;
  const [mine, other] = (await turn()) === 'a' ? [a, b] : [b, a];
  const { name } = mine;
  // Load that stays on one replica; what goes to the other ends at once.
  const load = async (count: number): Promise<Promise<unknown>[]> => {
    const held: Promise<unknown>[] = [];
    mine.answer = gate.hold;
    while (mine.requests.filter(({ runId }) => runId.startsWith('load')).length < count) {
      held.push(router.complete(ask({ runId: `load ${held.length}` })));
    }
    mine.answer = `from ${name}`;
    return held;
  };
  const two = await load(2);
  assert.equal(await turn(), name);
  const three = await load(3);
  assert.equal(await turn(), other.name);
  gate.open();
  await Promise.all([...two, ...three]);
});

/** Two replicas, of which whichever is asked first keeps silent; `aborted` tells who was cancelled. */
function silentFirst(): { replicas: PlayedBackend[]; aborted: string[] } {
  const aborted: string[] = [];
  const gate = createGate();
  let isFirst = true;
  const replicas = ['a', 'b'].map((name) =>
    playBackend(name, async (request) => {
      if (!isFirst) return `quick ${name}`;
      isFirst = false;
      request.signal.addEventListener('abort', () => aborted.push(name));
      return await gate.hold(request);
    }),
  );
  return { replicas, aborted };
}

test('hedging: the second answers, the first is cancelled, and nobody is blamed', async () => {
  const { replicas, aborted } = silentFirst();
  const { router, events } = openBench(
    replicas.map((backend) => route(backend)),
    { hedgeMs: 20, breakerFailures: 1 },
  );
  const reply = await router.complete(ask());
  assert.equal(reply.text, `quick ${reply.backend}`);
  assert.deepEqual(aborted, [reply.backend === 'a' ? 'b' : 'a']);
  assert.equal(events.filter(({ kind }) => kind === 'hedged').length, 1);
  await sleep(1);
  assert.deepEqual(
    router.list().map(({ breaker, outstanding }) => [breaker, outstanding]),
    [
      ['closed', 0],
      ['closed', 0],
    ],
  );
});

test('no hedge: off, words have come, or the other is paid or less trusted', async () => {
  for (const other of [{ isPaid: true }, { trust: 'cloud' }] as const) {
    const gate = createGate();
    const [a, b] = [playBackend('a', gate.hold), playBackend('b', gate.hold)];
    const { router, events } = openBench([route(a), route(b, 0, other)], { hedgeMs: 10 });
    const asked = router.complete(ask());
    await sleep(40);
    assert.equal(a.requests.length + b.requests.length, 1);
    gate.open();
    await asked;
    assert.deepEqual(events, []);
  }
  const gate = createGate();
  const talks = async (request: ChatRequest): Promise<string> => {
    request.isComplete('words');
    return await gate.hold(request);
  };
  for (const hedgeMs of [0, 10]) {
    const [a, b] = [playBackend('a', talks), playBackend('b', talks)];
    const { router } = openBench([route(a), route(b)], { hedgeMs });
    const asked = router.complete(ask());
    await sleep(40);
    assert.equal(a.requests.length + b.requests.length, 1);
    gate.open();
    await asked;
  }
});

test('hedging and both fail: the turn goes on to the next group', async () => {
  const fails = async (): Promise<string> => {
    await sleep(30);
    throw down;
  };
  const { router } = openBench(
    [route(playBackend('a', fails)), route(playBackend('b', fails)), route(playBackend('c'), 1)],
    { hedgeMs: 10 },
  );
  assert.equal((await router.complete(ask())).text, 'from c');
});
