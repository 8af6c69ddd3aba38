// Callers as they were let in, against what they are now; and what follows them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCallerWatch } from '../../../src/auth/caller-watch.ts';
import { localPrincipal, type Principal } from '../../../src/auth/principal.ts';

const key: Principal = {
  kind: 'key',
  id: 'k_1',
  name: 'one',
  scopes: new Set(['memory:read', 'agent']),
  root: 'default',
  policy: { readPaths: ['projects/'], limits: { requestsPerMinute: 5 } },
  cloud: { consent: true, budgetUsdPerMonth: 5, account: 'k_1' },
};

test('a key is the same as long as it may do the same; names and limits do not count', () => {
  let now: Principal | undefined = key;
  const callers = createCallerWatch({ clock: { nowMs: () => 0 }, principalOf: () => now });
  const same: Partial<Principal>[] = [
    {},
    { name: 'two' },
    { scopes: new Set(['agent', 'memory:read']) },
    { policy: { readPaths: ['projects/'], owner: 'ana', labels: { team: 'x' }, limits: {} } },
  ];
  for (const change of same) {
    now = { ...key, ...change };
    assert.equal(callers.standingOf(key), 'same', JSON.stringify(change));
  }
  const changed: Partial<Principal>[] = [
    { scopes: new Set(['agent']) },
    { root: 'work' },
    { policy: {} },
    { policy: { readPaths: ['projects/ark/'] } },
    { policy: { readPaths: ['projects/'], writePaths: [] } },
    { policy: { readPaths: ['projects/'], tools: ['search'] } },
    { policy: { readPaths: ['projects/'], cidrs: ['10.0.0.0/8'] } },
    { cloud: { consent: false, budgetUsdPerMonth: 5, account: 'k_1' } },
  ];
  for (const change of changed) {
    now = { ...key, ...change };
    assert.equal(callers.standingOf(key), 'changed', JSON.stringify(change));
  }
  now = undefined;
  assert.equal(callers.standingOf(key), 'ended');
  assert.equal(callers.standingOf(localPrincipal), 'same');
});

test('a token is the same until its time; keys that can not be read let nobody go on', () => {
  let nowMs = 0;
  const callers = createCallerWatch({
    clock: { nowMs: () => nowMs },
    principalOf: () => {
      throw new Error('disk I/O error');
    },
  });
  const token: Principal = { ...key, kind: 'jwt', expiresAtMs: 1000 };
  assert.equal(callers.standingOf(token), 'same');
  nowMs = 1000;
  assert.equal(callers.standingOf(token), 'ended');
  const { expiresAtMs: _expiresAtMs, ...endless } = token;
  assert.equal(callers.standingOf(endless), 'ended', 'a token without a time');
  assert.equal(callers.standingOf(key), 'ended');
});

test('who follows is told once, within a second or when the keys change, and not after it has stopped', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const callers = createCallerWatch({ clock: { nowMs: () => 0 }, principalOf: () => undefined });
  let isSo = true;
  const told: string[] = [];
  callers.follow(
    () => isSo,
    () => told.push('by the clock'),
  );
  const stop = callers.follow(
    () => isSo,
    () => told.push('stopped'),
  );
  t.mock.timers.tick(5000);
  assert.equal(told.join(), '');
  stop();
  isSo = false;
  t.mock.timers.tick(1000);
  assert.equal(told.join(), 'by the clock');
  callers.follow(
    () => isSo,
    () => told.push('by a look'),
  );
  callers.look();
  t.mock.timers.tick(5000);
  assert.equal(told.join(), 'by the clock,by a look');
});
