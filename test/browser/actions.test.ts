// What an operator does on the page, in a real Chromium, and that each of it is in the audit under the key they signed in with.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { showView, signInByKey, startBrowser, VIEWS, type OpenBrowser, type OpenPage } from '../helpers/browser.ts';
import { callTool } from '../helpers/call-tool.ts';
import { until } from '../helpers/until.ts';
import { workerPlace, YES_OR_FOR_EVER, type WorkerDaemon, type WorkerPlace } from '../helpers/worker-daemon.ts';

let place: WorkerPlace;
let daemon: WorkerDaemon;
let browser: OpenBrowser;
let open: OpenPage;
let page: Page;
let rulesFile: string;

before(async () => {
  place = workerPlace({ script: YES_OR_FOR_EVER });
  rulesFile = join(place.path, 'rules.txt');
  writeFileSync(rulesFile, '# of the operator\nrefuse project zebra\n');
  place.setConfig(['worker.stall_ms = 60000', `privacy.rules_file = ${JSON.stringify(rulesFile)}`]);
  writeFileSync(
    join(place.memoryDir, 'user.md'),
    '# Kim\n\n<img src=x onerror="document.title=1"><script>alert(1)</script>\n',
  );
  daemon = await place.start();
  await daemon.workerUntil((status) => status.state === 'ready');
  browser = await startBrowser();
  open = await browser.open({ colours: 'light', size: 'wide' });
  ({ page } = open);
  await signInByKey(page, daemon);
});

after(async () => {
  await browser[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

const view = (path: string): Promise<void> => {
  const found = VIEWS.find(([name]) => name === path);
  assert.ok(found);
  return showView(page, found);
};
const button = (name: string | RegExp): ReturnType<Page['getByRole']> =>
  page.getByRole('button', { name, ...(typeof name === 'string' && { exact: true }) });
const inDialog = (name: string): ReturnType<Page['getByRole']> =>
  page.getByRole('dialog').getByRole('button', { name, exact: true });

interface Row {
  action: string;
  actorId: string;
  kind: string;
  outcome: string | null;
}

/** The outcomes of this action, by whom. */
async function audited(action: string): Promise<{ actorId: string; outcome: string | null }[]> {
  const { body } = await daemon.admin('GET', `/audit?action=${action}&kind=outcome&actorKind=key`);
  return (body as { items: Row[] }).items.map(({ actorId, outcome }) => ({ actorId, outcome }));
}

/** The id of the admin key that is signed in. */
async function ownId(): Promise<string> {
  const { body } = await daemon.admin('GET', '/keys');
  const key = (body as { items: { id: string; name: string }[] }).items.find(({ name }) => name === 'first admin');
  assert.ok(key);
  return key.id;
}

async function assertAudited(action: string, times = 1): Promise<void> {
  const expected = Array.from({ length: times }, () => ({ actorId: '', outcome: 'ok' }));
  const actorId = await ownId();
  assert.deepEqual(
    await audited(action),
    expected.map((row) => ({ ...row, actorId })),
    action,
  );
}

test('a key is made, shown once, changed, rotated and revoked', async () => {
  await view('keys');
  await button('New key').click();
  await page.getByLabel('Name').fill('laptop');
  await page.getByLabel('Owner').fill('Kim');
  await page.getByText('Limits', { exact: true }).click();
  await page.getByLabel('Requests a minute').fill('30');
  await button('Make the key').click();
  const secret = await page.getByRole('textbox', { name: 'The new key' }).innerText();
  assert.match(secret, /^mema_client_\w{49}$/);
  await inDialog('Copy').click();
  await inDialog('I have it').click();
  // Its element goes with the browser's own close event, a moment after the click.
  await page.locator('dialog').waitFor({ state: 'detached' });
  assert.doesNotMatch(await page.content(), new RegExp(secret));
  await page.getByText('30 requests a minute').waitFor();
  assert.equal((await callTool({ url: daemon.url, key: secret }, 'list_files', {})).status, 200);

  await button('Change laptop').click();
  await page.getByLabel('Name').fill('desktop');
  await page.getByText('Paths, tools and networks').click();
  await page.getByLabel('Networks').fill('not a network');
  await inDialog('Save').click();
  await page.getByRole('dialog').getByRole('alert').waitFor();
  await page.getByLabel('Networks').fill('127.0.0.0/8');
  await inDialog('Save').click();
  await page.getByText('from 127.0.0.0/8').waitFor();

  await button('Rotate desktop').click();
  await inDialog('Rotate').click();
  const successor = await page.getByRole('textbox', { name: 'The new key' }).innerText();
  await inDialog('I have it').click();
  await button('Revoke desktop').last().click();
  await inDialog('Revoke').click();
  await page.getByText('desktop is revoked').first().waitFor();
  assert.equal((await callTool({ url: daemon.url, key: successor }, 'list_files', {})).status, 401);

  await assertAudited('key.create');
  await assertAudited('key.change');
  await assertAudited('key.rotate');
  await assertAudited('key.revoke');
});

test('the worker is stopped, started and restarted, and a backend is tested', async () => {
  await view('worker');
  await button('Test worker').click();
  await page.getByText('worker answered in').first().waitFor();
  await button('Stop').click();
  await inDialog('Stop').click();
  await daemon.workerUntil((status) => status.state === 'stopped');
  await button('Start').click();
  await daemon.workerUntil((status) => status.state === 'ready');
  await button('Restart').click();
  await inDialog('Restart').click();
  await until('a third start', () => place.starts().length === 3);
  await daemon.workerUntil((status) => status.state === 'ready');
  await page.getByRole('log').getByText('Application startup complete').first().waitFor();
  for (const action of ['worker.stop', 'worker.start', 'worker.restart', 'model.test']) await assertAudited(action);
});

test('a run in flight shows by itself and is cancelled', async () => {
  await view('runs');
  await page.getByText('Nobody is asking anything').waitFor();
  const asked = callTool({ url: daemon.url, key: daemon.keys.client }, 'use_memory_agent', {
    question: 'wait for ever',
  });
  await button(/^Cancel run/).click();
  await inDialog('Cancel the run').click();
  assert.equal((await asked).code, 'CANCELLED');
  await page.getByText('Nobody is asking anything').waitFor();
  await assertAudited('run.cancel');
});

test('notes are searched and read as plain text', async () => {
  await view('notes');
  await page.getByLabel('Search', { exact: true }).fill('Kim');
  await button('Search').click();
  await button(/^user\.md/).click();
  const text = page.getByRole('region', { name: 'Text of user.md' });
  await text.waitFor();
  assert.match(await text.innerText(), /<script>alert\(1\)<\/script>/);
  assert.equal(await text.locator('*').count(), 0);
  await assertAudited('notes.search');
  await assertAudited('notes.read');
});

test('the configuration is reloaded, the level of the log changed, the audit searched and proven', async () => {
  await view('config');
  await page.getByLabel('Find').fill('log.level');
  await page.getByRole('cell', { name: /^log\.level/ }).waitFor();
  await button('Reload the files').click();
  await page.getByText('Nothing has changed in the files').first().waitFor();
  await page.getByLabel('Log level').selectOption('debug');
  await page.getByText('It logs at debug now').first().waitFor();
  await assertAudited('config.reload');
  await assertAudited('log.level');

  await view('audit');
  await page.getByLabel('What').fill('worker.*');
  await button('Search').click();
  await page
    .getByRole('cell', { name: /worker\.restart/ })
    .first()
    .waitFor();
  assert.equal(await page.getByRole('cell', { name: /key\.create/ }).count(), 0);
  await button(/^Details of record/)
    .first()
    .click();
  await inDialog('All of this run').click();
  await page
    .getByRole('cell', { name: /intent/ })
    .first()
    .waitFor();
  await page.getByText('Not verified since the daemon started.').waitFor();
  await button('Verify the chain').click();
  await page.getByText('The chain is whole').waitFor();
  await page.getByText(/^Last verified just now: whole\.$/).waitFor();
});

test('rules are changed, refused, kept from being overwritten unseen, and left to who may change them', async () => {
  await view('filters');
  const cloud = page.getByRole('form', { name: 'What reaches no cloud model' });
  const rules = cloud.getByLabel('Rules');
  assert.equal(await rules.inputValue(), '# of the operator\nrefuse project zebra\n');
  await rules.fill('redact iban\nforget all\n');
  await cloud.getByRole('button', { name: 'Save' }).click();
  assert.match(await cloud.getByRole('alert').innerText(), /line 2: a rule is "redact TEXT"/);
  assert.equal(readFileSync(rulesFile, 'utf8'), '# of the operator\nrefuse project zebra\n');
  // By the keyboard alone.
  await rules.focus();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type('redact iban\n');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page
    .getByText(/cloud model: saved/)
    .first()
    .waitFor();
  assert.equal(readFileSync(rulesFile, 'utf8'), 'redact iban\n');
  await cloud.getByText('Not saved yet').waitFor({ state: 'detached' });

  // Broken by an editor: it says so, and is repaired from here.
  await view('runs');
  writeFileSync(rulesFile, 'forget all\n');
  await view('filters');
  await cloud.getByText(/line 1: a rule is/).waitFor();
  await rules.fill('redact iban\n');
  await cloud.getByRole('button', { name: 'Save', exact: true }).click();
  await cloud.getByText(/line 1: a rule is/).waitFor({ state: 'detached' });
  assert.equal(readFileSync(rulesFile, 'utf8'), 'redact iban\n');

  // Typed, another view, and back; meanwhile somebody else changed them.
  await rules.fill('redact iban\nredact dog\n');
  await view('runs');
  assert.equal((await daemon.admin('PUT', '/filters/privacy', { text: 'redact cat\n' })).status, 200);
  await view('filters');
  await cloud.getByText('Not saved yet').waitFor();
  assert.equal(await rules.inputValue(), 'redact iban\nredact dog\n');
  await cloud.getByRole('button', { name: 'Save', exact: true }).click();
  assert.equal(await cloud.getByRole('region').innerText(), 'redact cat\n');
  assert.equal(readFileSync(rulesFile, 'utf8'), 'redact cat\n');
  await cloud.getByRole('button', { name: 'Save mine over it' }).click();
  await until('it is saved', () => readFileSync(rulesFile, 'utf8') === 'redact iban\nredact dog\n');
  await cloud.getByRole('alert').waitFor({ state: 'detached' });
  assert.equal(await page.evaluate<string>('document.activeElement.name'), 'privacy', 'the focus is in the field');
  assert.equal((await daemon.admin('PUT', '/filters/privacy', { text: 'redact bird\n' })).status, 200);
  await rules.fill('redact fish\n');
  await cloud.getByRole('button', { name: 'Save', exact: true }).click();
  await cloud.getByRole('button', { name: 'Take what is there' }).click();
  assert.equal(await rules.inputValue(), 'redact bird\n');
  await rules.fill('');
  await cloud.getByRole('button', { name: 'Save', exact: true }).click();
  await inDialog('Save without rules').click();
  await page.locator('dialog').waitFor({ state: 'detached' });
  assert.equal(readFileSync(rulesFile, 'utf8'), '');

  const changes = await audited('filters.change');
  const own = await ownId();
  assert.ok(changes.every(({ actorId }) => actorId === own));
  assert.deepEqual(changes.map(({ outcome }) => outcome).toReversed(), [
    'error',
    'ok',
    'ok',
    'ok',
    'error',
    'ok',
    'ok',
    'error',
    'ok',
  ]);

  const made = await daemon.admin('POST', '/keys', { name: 'looker', kind: 'admin', scopes: ['admin:read'] });
  await using other = await browser.open({ colours: 'dark', size: 'phone' });
  await signInByKey(other.page, daemon, (made.body as { key: string }).key);
  await showView(other.page, ['filters', 'Filters']);
  const looked = other.page.getByRole('form', { name: 'What the agent does not tell' });
  assert.equal(await looked.getByLabel('Rules').getAttribute('readonly'), '');
  await looked.getByText('it lacks the scope admin:write').waitFor();
  assert.equal(await looked.getByRole('button').count(), 0);
  assert.deepEqual(other.complaints, []);
});

test('usage is shown and taken along as a file', async () => {
  await view('usage');
  await page.getByLabel('Sum up by').selectOption('tool');
  await page.getByRole('cell', { name: 'use_memory_agent' }).waitFor();
  const [file] = await Promise.all([page.waitForEvent('download'), button('Download CSV').click()]);
  const stream = await file.createReadStream();
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  assert.match(text, /^tool,calls,errors,/);
  assert.match(text, /^use_memory_agent,\d+,/m);
});

test('the browser had nothing to complain about', () => {
  // The answers 400 and 412 that were asked for: Chromium writes down each failed request.
  const unasked = open.complaints.filter((line) => !/status of 4(00|12)/.test(line));
  assert.deepEqual(unasked, []);
  assert.deepEqual(
    [...open.origins].filter((origin) => origin !== 'blob:'),
    [daemon.opsUrl],
  );
});
