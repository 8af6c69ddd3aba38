// First keys: once, only where nobody else can connect, on the terminal or in a private file.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { makeFirstKeys, type FirstKeysOptions } from '../../../src/cli/first-keys.ts';
import { AppError } from '../../../src/lib/app-error.ts';
import { createFakePorts, type FakePorts } from '../http-admin/fake-ports.ts';

const directory = mkdtempSync(join(tmpdir(), 'mem-agent-first-'));
after(() => rmSync(directory, { recursive: true, force: true }));
let fake: FakePorts;
let count = 0;
beforeEach(() => void (fake = createFakePorts()));

function options(changes: Partial<FirstKeysOptions> = {}): FirstKeysOptions {
  return {
    keys: fake.ports.keys,
    audit: fake.ports.audit,
    isPrivate: true,
    httpUrl: 'http://127.0.0.1:8081',
    file: join(directory, `first-keys-${count++}`),
    showOnTerminal: undefined,
    ...changes,
  };
}

test('without a terminal a client and an admin key go to a file only the owner reads', async () => {
  const given = options();
  assert.equal(await makeFirstKeys(given), 'written');
  const text = readFileSync(given.file, 'utf8');
  assert.equal(statSync(given.file).mode & 0o777, 0o600);
  assert.deepEqual(
    [...fake.keys.values()].map((key) => key.kind),
    ['client', 'admin'],
  );
  assert.match(text, /mema_client_k_1/);
  assert.match(text, /mema_admin_k_2/);
  assert.match(
    text,
    /claude mcp add --transport http mem-agent http:\/\/127\.0\.0\.1:8081\/mcp --header "Authorization: Bearer mema_client_k_1"/,
  );
  const cursor = text.split('\n').find((line) => line.includes('mcpServers')) ?? '';
  assert.equal(
    (JSON.parse(cursor) as { mcpServers: Record<string, { url: string }> }).mcpServers['mem-agent']?.url,
    'http://127.0.0.1:8081/mcp',
  );
  assert.deepEqual(
    fake.events.filter((event) => event.startsWith('intent')),
    ['intent key.create by first-start over internal', 'intent key.create by first-start over internal'],
  );
});

test('on a terminal they are shown and no file is made', async () => {
  let shown = '';
  const given = options({ showOnTerminal: (text) => void (shown += text) });
  assert.equal(await makeFirstKeys(given), 'shown');
  assert.match(shown, /mema_admin_k_2/);
  assert.ok(!existsSync(given.file));
});

test('never again, never for others to use, never without HTTP', async () => {
  assert.equal(await makeFirstKeys(options({ isPrivate: false })), 'none');
  assert.equal(await makeFirstKeys(options({ httpUrl: undefined })), 'none');
  await fake.ports.keys.create({ name: 'old' });
  await fake.ports.keys.revoke('k_1');
  assert.equal(await makeFirstKeys(options()), 'none');
  assert.equal(fake.keys.size, 1);
});

test('a file that cannot be written, or an audit that cannot, makes no key', async () => {
  const given = options();
  writeFileSync(given.file, 'mine');
  await assert.rejects(
    makeFirstKeys(given),
    (error) => error instanceof AppError && /Move that file away/.test(error.userMessage),
  );
  assert.equal(readFileSync(given.file, 'utf8'), 'mine');
  assert.equal(fake.keys.size, 0);
  fake.audit.failBegin = true;
  const other = options();
  await assert.rejects(makeFirstKeys(other), /audit/);
  assert.equal(fake.keys.size, 0);
  assert.ok(!existsSync(other.file));
});
