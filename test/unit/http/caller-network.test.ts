// A key that is bound to networks: the right address passes, every other is 403 before any effect and counted as a failure.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from '../../../src/auth/principal.ts';
import { networkRefusal } from '../../../src/http/middleware/caller-network.ts';
import { modernCall, principalOf, startHarness } from '../../helpers/http-harness.ts';

function bound(...cidrs: string[]): Principal {
  return { ...principalOf(['memory:read'], 'k_bound'), policy: { cidrs } };
}

test('addresses of both families, mapped ones too; what cannot be read is in no network', () => {
  const passes = (principal: Principal, address: string): boolean => networkRefusal(principal, address) === null;
  assert.equal(passes(principalOf(['memory:read']), '192.0.2.1'), true);
  assert.equal(passes(bound('10.0.0.0/8'), '10.200.0.1'), true);
  assert.equal(passes(bound('10.0.0.0/8'), '::ffff:10.200.0.1'), true);
  assert.equal(passes(bound('10.0.0.0/8', '2001:db8::/32'), '2001:db8::7'), true);
  assert.equal(passes(bound('10.0.0.0/8'), 'unix'), true);
  for (const address of ['11.0.0.1', '::1', '2001:db8::7', '', 'unknown', '10.0.0.1, 11.0.0.1']) {
    assert.equal(passes(bound('10.0.0.0/8'), address), false, address);
  }
  assert.equal(passes(bound('not a range'), '10.0.0.1'), false);
});

test('over HTTP: 403 with a code, no audit intent; behind a trusted proxy the client counts, forged headers do not', async () => {
  await using harness = await startHarness();
  const verify = harness.ports.verifyKey;
  harness.ports.verifyKey = (token) => (token === 'bound' ? bound('192.0.2.0/24') : verify(token));
  const call = modernCall('tools/call', { name: 'search', arguments: { query: 'Lisbon' } });
  const answer = await harness.post(call.body, {
    key: 'bound',
    headers: { ...call.headers, 'x-forwarded-for': '192.0.2.7' },
  });
  assert.equal(answer.status, 403);
  assert.match(await answer.text(), /"code":"FORBIDDEN"/);
  assert.equal(harness.audit.length, 0);
  assert.deepEqual(harness.failures, ['127.0.0.1 network']);
});

test('behind a trusted proxy it is the client that counts', async () => {
  await using harness = await startHarness({ apps: { trustedProxies: ['127.0.0.1/32'] } });
  const verify = harness.ports.verifyKey;
  harness.ports.verifyKey = (token) => (token === 'bound' ? bound('192.0.2.0/24') : verify(token));
  const call = modernCall('tools/call', { name: 'search', arguments: { query: 'Lisbon' } });
  const from = (address: string): Promise<Response> =>
    harness.post(call.body, { key: 'bound', headers: { ...call.headers, 'x-forwarded-for': address } });
  assert.equal((await from('192.0.2.7')).status, 200);
  assert.equal((await from('192.0.2.7, 198.51.100.1')).status, 403);
});
