// The operator's files of rules through the admin API: read, replaced, refused when wrong, never in the audit.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig, type LoadedConfig } from '../../../src/config/load-config.ts';
import { createFiltersPort } from '../../../src/daemon/filters-port.ts';
import { tempDirectory } from '../../helpers/run-main.ts';
import { appFor, createFakePorts } from '../http-admin/fake-ports.ts';

function load(home: string, flags: Record<string, string> = {}): LoadedConfig {
  const env = { CONFIGURATION_DIRECTORY: join(home, 'etc'), STATE_DIRECTORY: join(home, 'state') };
  return loadConfig({ flags, configFile: undefined, env, cwd: home, home, otherEnvNames: [] });
}

const put = (text: string, etag?: string): RequestInit => ({
  method: 'PUT',
  headers: { 'content-type': 'application/json', ...(etag !== undefined && { 'if-match': etag }) },
  body: JSON.stringify({ text }),
});

test('answer rules: made where they would be sought, replaced whole, refused when they are no text', async () => {
  using home = tempDirectory();
  const loaded = load(home.path);
  const port = createFiltersPort({ loaded: () => loaded });
  const place = join(home.path, 'etc', '.filters');
  assert.deepEqual(port.read('answer'), { file: place, text: '', problem: null });
  await port.write('answer', 'never tell the salary\n');
  assert.equal(readFileSync(place, 'utf8'), 'never tell the salary\n');
  assert.equal(statSync(place).mode & 0o777, 0o600);
  for (const text of ['a\u0000b', 'a\u001b[2Jb', '\ud800', 'x'.repeat(65 * 1024)])
    await assert.rejects(port.write('answer', text), { code: 'INVALID_INPUT' });
  assert.equal(port.read('answer').text, 'never tell the salary\n');
});

test('privacy rules: every wrong line is named and nothing is written; right ones are told to the screen', async () => {
  using home = tempDirectory();
  const rulesFile = join(home.path, 'rules');
  writeFileSync(rulesFile, 'redact Kim\n');
  const loaded = load(home.path, { 'privacy.rules_file': rulesFile });
  let told = 0;
  const fake = createFakePorts();
  fake.ports.filters = createFiltersPort({ loaded: () => loaded, onPrivacyRules: () => (told += 1) });
  const app = appFor(fake.ports, ['admin:read', 'admin:write']);
  const first = await app.request('/filters/privacy');
  const etag = first.headers.get('etag') ?? '';
  assert.deepEqual(await first.json(), { kind: 'privacy', file: rulesFile, text: 'redact Kim\n', problem: null });
  const wrong = await app.request('/filters/privacy', put('redact Kim\nhide x\nredact /(a+)+/'));
  assert.equal(wrong.status, 400);
  assert.match(await wrong.text(), /line 2.*line 3/s);
  assert.deepEqual([readFileSync(rulesFile, 'utf8'), told], ['redact Kim\n', 0]);
  assert.equal((await app.request('/filters/privacy', put('refuse /iban/i\n', etag))).status, 200);
  assert.deepEqual([readFileSync(rulesFile, 'utf8'), told], ['refuse /iban/i\n', 1]);
  assert.equal((await app.request('/filters/privacy', put('redact x\n', etag))).status, 412);
  assert.ok(!fake.events.some((event) => event.includes('iban') || event.includes('Kim')));
  fake.audit.failFinish = true;
  assert.equal((await app.request('/filters/privacy', put('redact y\n'))).status, 503);
  assert.equal(readFileSync(rulesFile, 'utf8'), 'refuse /iban/i\n', 'taken back when its outcome can’t be recorded');
  fake.audit.failFinish = false;
  fake.audit.failBegin = true;
  assert.equal((await app.request('/filters')).status, 503);
  assert.equal((await app.request('/filters/other')).status, 400);
});

test('a broken file is shown with what is wrong and what that means, beside the sound one, and is replaced from here', async () => {
  using home = tempDirectory();
  const [filtersFile, rulesFile] = [join(home.path, 'filters'), join(home.path, 'rules')];
  writeFileSync(filtersFile, 'never tell the salary\n');
  writeFileSync(rulesFile, 'redact Kim\n');
  const loaded = load(home.path, { 'memory.filters_file': filtersFile, 'privacy.rules_file': rulesFile });
  const fake = createFakePorts();
  fake.ports.filters = createFiltersPort({ loaded: () => loaded });
  const app = appFor(fake.ports, ['admin:read', 'admin:write']);
  const show = async (kind: string): Promise<{ text: string; problem: { detail: string; hint: string } | null }> => {
    const both = await app.request('/filters');
    assert.equal(both.status, 200);
    const { items } = (await both.json()) as { items: { kind: string; text: string; problem: null }[] };
    const one = await app.request(`/filters/${kind}`);
    const found = items.find((item) => item.kind === kind);
    assert.deepEqual(await one.json(), found);
    assert.ok(found !== undefined && items.length === 2);
    return found;
  };
  const broken: [kind: 'answer' | 'privacy', damage: () => void, detail: RegExp, text: string][] = [
    ['answer', () => rmSync(filtersFile), /no such file.*Every question is refused/, ''],
    ['answer', () => writeFileSync(filtersFile, 'x'.repeat(1024 ** 2 + 1)), /bytes.*Every question is refused/, ''],
    ['answer', () => writeFileSync(filtersFile, 'a\u0000b'), /no text.*goes to the model as it is/, 'a\u0000b'],
    ['privacy', () => rmSync(rulesFile), /ENOENT.*read before stay in force/, ''],
    ['privacy', () => writeFileSync(rulesFile, 'hide x\n'), /line 1.*the next start fails/, 'hide x\n'],
  ];
  for (const [kind, damage, detail, text] of broken) {
    damage();
    const found = await show(kind);
    assert.equal(found.text, text);
    assert.match(found.problem?.detail ?? '', detail);
    assert.match(found.problem?.hint ?? '', new RegExp(`filters set ${kind} FILE`));
    assert.equal((await show(kind === 'answer' ? 'privacy' : 'answer')).problem, null);
    const etag = (await app.request(`/filters/${kind}`)).headers.get('etag') ?? '';
    assert.equal((await app.request(`/filters/${kind}`, put('redact Kim\n', etag))).status, 200);
    assert.deepEqual(await show(kind).then(({ problem, text: now }) => [problem, now]), [null, 'redact Kim\n']);
  }
  // What could not be read cannot be put back: the new rules stay, rather than none.
  writeFileSync(filtersFile, 'x'.repeat(1024 ** 2 + 1), { mode: 0o200 });
  chmodSync(filtersFile, 0o200);
  fake.audit.failFinish = true;
  assert.equal((await app.request('/filters/answer', put('new\n'))).status, 503);
  assert.equal(readFileSync(filtersFile, 'utf8'), 'new\n');
  assert.equal(statSync(filtersFile).mode & 0o777, 0o600);
});

test('without a file to write, and in a place that is not ours, it says what to do', async () => {
  using home = tempDirectory();
  const loaded = load(home.path);
  const port = createFiltersPort({ loaded: () => loaded });
  assert.deepEqual(port.read('privacy'), { file: null, text: '', problem: null });
  await assert.rejects(port.write('privacy', 'redact x'), { code: 'INVALID_INPUT', hint: /privacy\.rules_file/ });
  // The superuser may write anywhere, so a file stands where a directory would be.
  writeFileSync(join(home.path, 'etc'), '');
  chmodSync(join(home.path, 'etc'), 0o400);
  await assert.rejects(port.write('answer', 'x'), { code: 'PERMISSION_DENIED' });
  assert.ok(!existsSync(join(home.path, 'etc', '.filters')));
});
