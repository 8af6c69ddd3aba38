// Tokens of an identity provider over a real daemon: what clients are told, what a token may do, its limits, its audit and
// usage; and an API key beside it that never hears of OAuth.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { callTool } from '../helpers/call-tool.ts';
import { AUDIENCE, forge, startIdentityProvider, type IdentityProvider } from '../helpers/identity-provider.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';

const METADATA = 'resource_metadata="https://mem.example/.well-known/oauth-protected-resource/mcp"';

function start(provider: IdentityProvider, ...flags: string[]): Promise<DaemonProcess> {
  const own = ['--jwt.issuer', provider.issuer, '--jwt.audience', AUDIENCE, '--jwt.scope-prefix', 'mem:'];
  return startDaemon({ flags: [...own, '--sandbox.standby', '0', ...flags] });
}

function post(daemon: DaemonProcess, token?: string): Promise<Response> {
  return fetch(daemon.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  });
}

const challengeOf = (answer: Response): string => answer.headers.get('www-authenticate') ?? '';

test('a token is a caller like any other; its limits, audit and usage are its own', { timeout: 120_000 }, async () => {
  await using provider = await startIdentityProvider();
  await provider.addKey('one');
  using home = tempDirectory();
  const policiesFile = join(home.path, 'policies.json');
  const limits = { limits: { toolCallsPerMinute: { list_files: 2 } } };
  writeFileSync(policiesFile, JSON.stringify({ default: {}, groups: { guests: limits } }));
  await using daemon = await start(provider, '--jwt.policies-file', policiesFile);

  const reader = await provider.sign({ claims: { sub: 'reader', scope: 'mem:memory:read', groups: ['guests'] } });
  const target = { url: daemon.url, key: reader };
  assert.ok((await callTool(target, 'list_files', {})).ok);
  const write = { path: 'a.md', content: '# A\n' };
  const denied = await fetch(daemon.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${reader}`,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 2,
      method: 'tools/call',
      params: { name: 'create_file', arguments: write },
    }),
  });
  assert.equal(denied.status, 403);
  assert.equal(
    challengeOf(denied),
    `Bearer realm="mem-agent", error="insufficient_scope", scope="mem:memory:write mem:memory:read", ${METADATA}`,
  );
  const statuses = [];
  for (let i = 0; i < 2; i += 1) statuses.push((await callTool(target, 'list_files', {})).status);
  assert.deepEqual(statuses, [200, 429]);
  // Another token of the same person is no new quota, and another person has one of its own.
  const again = await provider.sign({ claims: { sub: 'reader', scope: 'mem:memory:read', groups: ['guests'] } });
  assert.equal((await callTool({ url: daemon.url, key: again }, 'list_files', {})).code, 'RATE_LIMITED');
  const writer = await provider.sign({ claims: { sub: 'writer', scope: 'mem:memory:read mem:memory:write' } });
  const created = await callTool({ url: daemon.url, key: writer }, 'create_file', write);
  assert.ok(created.ok, created.text);

  const audit = JSON.parse((await daemon.cli('audit', 'tail', '--json')).stdout) as {
    actorKind: string;
    actorId: string;
  }[];
  const ids = new Set(audit.filter(({ actorKind }) => actorKind === 'jwt').map(({ actorId }) => actorId.split(':')[2]));
  assert.deepEqual(ids, new Set(['reader', 'writer']));
  const usage = (await daemon.cli('usage', 'report', '--json')).stdout;
  assert.match(usage, /jwt:[\w-]{8}:writer/);
  const shown = `${daemon.stderr()}${usage}${JSON.stringify(audit)}${await (await fetch(`${daemon.opsUrl}/metrics`)).text()}`;
  for (const token of [reader, again, writer]) assert.ok(!shown.includes(token.slice(-40)), 'a token shows');
});

test('who shows nothing or a bad token is told where OAuth begins; who shows an API key is not', async () => {
  await using provider = await startIdentityProvider();
  await provider.addKey('one');
  await using daemon = await start(provider);
  const nothing = await post(daemon);
  assert.deepEqual([nothing.status, challengeOf(nothing)], [401, `Bearer realm="mem-agent", ${METADATA}`]);
  const invalid = `Bearer realm="mem-agent", error="invalid_token"`;
  const nowS = Math.floor(Date.now() / 1000);
  const claims = { iss: provider.issuer, aud: AUDIENCE, sub: 'kim', exp: nowS + 60, scope: 'mem:agent' };
  const wrong = [
    forge({ alg: 'none', typ: 'JWT' }, claims),
    forge({ alg: 'HS256', typ: 'JWT' }, claims, 'AAAA'),
    await provider.sign({ claims: { aud: 'https://other.example/mcp' } }),
    await provider.sign({ claims: { iss: 'https://evil.example' } }),
    await provider.sign({ claims: { exp: nowS - 60 } }),
    await provider.sign({ claims: { nbf: nowS + 600 } }),
    await provider.sign({ header: { kid: 'unknown' } }),
    'no-token-at-all',
  ];
  for (const token of wrong) {
    const answer = await post(daemon, token);
    assert.deepEqual([answer.status, challengeOf(answer)], [401, `${invalid}, ${METADATA}`], token.slice(0, 60));
  }
  const key = await post(daemon, `${daemon.keys.client.slice(0, -1)}_`);
  assert.deepEqual([key.status, challengeOf(key)], [401, invalid]);
  assert.equal((await post(daemon, daemon.keys.client)).status, 200);

  const origin = new URL(daemon.url).origin;
  for (const path of ['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp']) {
    assert.deepEqual(await (await fetch(`${origin}${path}`)).json(), {
      resource: AUDIENCE,
      resource_name: 'mem-agent',
      authorization_servers: [provider.issuer],
      scopes_supported: ['mem:agent', 'mem:memory:read', 'mem:memory:write'],
      bearer_methods_supported: ['header'],
    });
  }
  // This daemon is no authorization server.
  assert.equal((await fetch(`${origin}/.well-known/oauth-authorization-server`)).status, 404);
});

test('while the provider is away from the start no token can be judged, and API keys go on', async () => {
  await using provider = await startIdentityProvider();
  await provider.addKey('one');
  provider.mode = 'down';
  await using daemon = await start(provider);
  const answer = await post(daemon, await provider.sign({ claims: { scope: 'mem:memory:read' } }));
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '30']);
  assert.match(await answer.text(), /IDENTITY_UNAVAILABLE/);
  assert.equal((await post(daemon, daemon.keys.client)).status, 200);
});
