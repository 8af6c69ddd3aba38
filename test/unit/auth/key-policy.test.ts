// A key's policy: stored, carried by its principal, kept by rotation, changed as a whole; one that can't be read gives nothing.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openKeyStore, type KeyStore } from '../../../src/auth/open-key-store.ts';
import type { Policy } from '../../../src/auth/policy.ts';
import { openCoreStore, type CoreStore } from '../../../src/store/core-store.ts';
import { createGroupCommit, type GroupCommit } from '../../../src/store/group-commit.ts';

const NOW_MS = Date.UTC(2026, 10, 24, 12);
const clock = { nowMs: () => NOW_MS, monotonicMs: () => 0 };
const policy: Policy = {
  owner: 'ana@example.org',
  labels: { team: 'sales' },
  readPaths: ['projects/', 'user.md'],
  writePaths: ['projects/'],
  tools: ['search', 'fetch'],
  cidrs: ['10.0.0.0/8', '2001:db8::/32'],
  limits: { requestsPerMinute: 10, toolCallsPerMinute: { search: 5 } },
};
let directory: string;
let store: CoreStore;
let group: GroupCommit;
let keys: KeyStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mema-policy-'));
  store = openCoreStore({ directory });
  group = createGroupCommit(store.db, { onError: () => undefined });
  keys = openKeyStore({ store, clock, groupCommit: group });
});
afterEach(async () => {
  await keys[Symbol.asyncDispose]();
  await group[Symbol.asyncDispose]();
  store.close();
  rmSync(directory, { recursive: true });
});

function policyOf(key: string): Policy | undefined {
  const verdict = keys.verify(key);
  assert.ok('id' in verdict, JSON.stringify(verdict));
  return verdict.policy;
}

test('the principal carries what the key was given; without one its scopes alone decide', async () => {
  const free = await keys.create({ name: 'free' });
  const bound = await keys.create({ name: 'bound', policy });
  assert.deepEqual(policyOf(free.key), {});
  assert.deepEqual(policyOf(bound.key), policy);
  assert.deepEqual(keys.list()[1]?.policy, policy);
  const next = await keys.rotate(bound.id, { overlapMs: 1000 });
  assert.deepEqual(policyOf(next.key), policy);
});

test('labels are few: a key is listed and audited with all of them', async () => {
  const labels = (count: number): Policy => ({
    labels: Object.fromEntries(Array.from({ length: count }, (_, i) => [`label${i}`, 'x'])),
  });
  await keys.create({ name: 'many', policy: labels(50) });
  await assert.rejects(keys.create({ name: 'too many', policy: labels(51) }), { code: 'INVALID_INPUT' });
});

test('a change counts from the next request: the policy as a whole, name, scopes, root and end', async () => {
  const { id, key } = await keys.create({ name: 'laptop', policy });
  const changed = await keys.change(id, {
    name: 'desk',
    scopes: ['memory:read'],
    root: 'work',
    expiresAtMs: NOW_MS + 1000,
    policy: { tools: ['search'] },
  });
  assert.deepEqual([changed.name, changed.root, changed.expiresAtMs], ['desk', 'work', NOW_MS + 1000]);
  const verdict = keys.verify(key);
  assert.ok('id' in verdict);
  assert.deepEqual(
    { ...verdict, scopes: [...verdict.scopes], cloud: undefined },
    {
      kind: 'key',
      id,
      name: 'desk',
      scopes: ['memory:read'],
      root: 'work',
      policy: { tools: ['search'] },
      cloud: undefined,
    },
  );
  await keys.change(id, { cloudConsent: true });
  assert.deepEqual(policyOf(key), { tools: ['search'] });
  await keys.change(id, { expiresAtMs: NOW_MS });
  assert.deepEqual(keys.verify(key), { failure: 'expired' });
  assert.equal((await keys.change(id, { expiresAtMs: null })).state, 'active');
});

test('what does not fit is refused with the field named, and nothing is stored', async () => {
  const bad: [unknown, RegExp][] = [
    [{ colour: 'red' }, /colour/],
    [{ readPaths: ['/etc/'] }, /readPaths/],
    [{ writePaths: ['a/../../b'] }, /writePaths/],
    [{ cidrs: ['10.0.0.0/33'] }, /cidrs/],
    [{ cidrs: [] }, /cidrs/],
    [{ limits: { requestsPerMinute: 0 } }, /requestsPerMinute/],
  ];
  for (const [wrong, says] of bad) {
    await assert.rejects(keys.create({ name: 'a', policy: wrong as Policy }), { code: 'INVALID_INPUT', message: says });
  }
  const { id } = await keys.create({ name: 'a' });
  for (const [wrong, says] of bad) {
    await assert.rejects(keys.change(id, { policy: wrong as Policy }), { code: 'INVALID_INPUT', message: says });
  }
  await assert.rejects(keys.change(id, { scopes: ['admin:read'] }), { code: 'INVALID_INPUT' });
  assert.deepEqual(
    keys.list().map((key) => [key.scopes.length, key.policy]),
    [[3, {}]],
  );
});

test('a stored policy that cannot be read gives nothing until it is replaced', async () => {
  for (const stored of ['', '{', 'null', '[]', '{"readPath":["projects/"]}', '{"tools":"search"}']) {
    const { id, key } = await keys.create({ name: 'laptop', policy });
    store.db.prepare('UPDATE api_keys SET policy = ? WHERE id = ?').run(stored, id);
    // A change of our own connection is seen with the next reload, as another process's would be.
    await keys.change(id, { name: 'still broken' });
    assert.deepEqual(keys.verify(key), { failure: 'unusable' }, stored);
    assert.equal(keys.list().find((info) => info.id === id)?.state, 'unusable');
    await assert.rejects(keys.rotate(id, { overlapMs: 0 }), { code: 'INVALID_INPUT' });
    await keys.change(id, { policy: { tools: [] } });
    assert.deepEqual(policyOf(key), { tools: [] });
  }
});
