// What an operator meets on a bad day: a connection that is lost, a session that ends under an open dialog, two keys of one name,
// a run that hangs, a worker that crashes, the end of the daemon; and that a phone shows what was asked for.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { showView, signInByKey, startBrowser, VIEWS, type OpenBrowser } from '../helpers/browser.ts';
import { callTool } from '../helpers/call-tool.ts';
import { until } from '../helpers/until.ts';
import { workerPlace, YES_OR_FOR_EVER, type WorkerDaemon, type WorkerPlace } from '../helpers/worker-daemon.ts';

let place: WorkerPlace;
let daemon: WorkerDaemon;
let browser: OpenBrowser;

before(async () => {
  place = workerPlace({ script: YES_OR_FOR_EVER });
  mkdirSync(join(place.memoryDir, 'entities'));
  for (let person = 0; person < 60; person += 1)
    writeFileSync(join(place.memoryDir, `entities/person-${person}.md`), `# Person ${person}\n\n- city: Lisbon\n`);
  place.setConfig(['worker.stall_ms = 60000', `memory.roots = ["name=work path=${join(place.path, 'work')}"]`]);
  mkdirSync(join(place.path, 'work'));
  daemon = await place.start();
  await daemon.workerUntil((status) => status.state === 'ready');
  browser = await startBrowser();
});

after(async () => {
  await browser[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

async function view(page: Page, path: string): Promise<void> {
  const found = VIEWS.find(([name]) => name === path);
  assert.ok(found);
  await showView(page, found);
}

async function newKey(name: string, scopes: string[]): Promise<{ id: string; key: string }> {
  const { status, body } = await daemon.admin('POST', '/keys', { name, scopes });
  assert.equal(status, 200, JSON.stringify(body));
  return body as { id: string; key: string };
}

test('a daemon that says nothing any more shows as lost, and what failed meanwhile is asked for again', async () => {
  await using open = await browser.open({ colours: 'light', size: 'phone' });
  const { page } = open;
  await signInByKey(page, daemon);
  await page.context().setOffline(true);
  await page.evaluate(`location.hash = '#/keys'`);
  await page.getByRole('main').getByText('The daemon does not answer').waitFor();
  daemon.kill('SIGSTOP');
  try {
    await page.getByText('No connection to the daemon').waitFor();
  } finally {
    daemon.kill('SIGCONT');
  }
  await page.context().setOffline(false);
  await page.getByRole('button', { name: 'Change first admin' }).waitFor();
  assert.equal(await page.getByText('No connection to the daemon').count(), 0);
});

test('a session that ends takes the open dialog with it', async () => {
  const { id, key } = await newKey('short', ['admin:read', 'admin:write']);
  await using open = await browser.open({ colours: 'light', size: 'wide' });
  const { page } = open;
  await signInByKey(page, daemon, key);
  await view(page, 'keys');
  await page.getByRole('button', { name: 'New key' }).click();
  await page.getByRole('dialog').waitFor();
  await daemon.admin('DELETE', `/keys/${id}`);
  await page.getByLabel('Admin key').waitFor();
  await page.getByText('Your session has ended').waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
});

test('who may only look is told so', async () => {
  const { key } = await newKey('reader', ['admin:read']);
  await using open = await browser.open({ colours: 'light', size: 'wide' });
  await signInByKey(open.page, daemon, key);
  await open.page.getByText('Looks only').waitFor();
});

test('a new key stays until it is taken, its long name fits, and what is said is over the dialog', async () => {
  await using open = await browser.open({ colours: 'light', size: 'wide' });
  const { page } = open;
  await signInByKey(page, daemon);
  await view(page, 'keys');
  await page.getByRole('button', { name: 'New key' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('n'.repeat(64));
  for (const name of [/^Ask/, /^Read notes/, /^Change notes/]) await dialog.getByRole('checkbox', { name }).uncheck();
  await dialog.getByRole('button', { name: 'Make the key' }).click();
  await dialog.getByText('A key needs something that it may do').waitFor();
  await dialog.getByRole('checkbox', { name: /metrics/ }).check();
  await dialog.getByText('Paths, tools and networks').click();
  await dialog.getByLabel('Networks').fill('10.0.0.0/99');
  await dialog.getByRole('button', { name: 'Make the key' }).click();
  const wrong = dialog.getByRole('alert');
  await wrong.getByText('a network such as 10.0.0.0/8').waitFor();
  const [notice, foot] = [await wrong.boundingBox(), await dialog.locator('.dialog-foot').boundingBox()];
  assert.ok(notice && foot && notice.y + notice.height <= foot.y, 'what is wrong is not behind the foot');
  await dialog.getByLabel('Networks').fill('10.0.0.0/8');
  await dialog.getByRole('button', { name: 'Make the key' }).click();

  const secret = dialog.getByRole('textbox', { name: 'The new key' });
  await secret.waitFor();
  await page.keyboard.press('Escape');
  await dialog.getByText('The key is still shown').waitFor({ state: 'attached' });
  assert.match(await secret.innerText(), /^mema_client_/);
  const tooWide = `(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('dialog'))`;
  assert.equal(await page.evaluate(tooWide), 0, 'nothing is cut off');
  await dialog.getByRole('button', { name: 'Copy' }).click();
  await page.locator('.toasts').getByText('Copied').waitFor();
  // What is behind a dialog counts as visible too; the browser says what is in the top layer.
  assert.equal(await page.evaluate(`document.querySelector('.toasts').matches(':popover-open')`), true);
  await dialog.getByRole('button', { name: 'I have it' }).click();

  await page.getByRole('button', { name: /^Revoke n/ }).click();
  await dialog.getByText(/^k_\w+$/).waitFor();
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'Cancel', 'Enter twice revokes nothing');
  await page.keyboard.press('Escape');
});

test('a note on a phone comes into sight, and is gone with its root', async () => {
  await using open = await browser.open({ colours: 'dark', size: 'phone' });
  const { page } = open;
  await signInByKey(page, daemon);
  await view(page, 'notes');
  await page.getByRole('button', { name: /person-7\.md/ }).click();
  const text = page.getByRole('region', { name: /^Text of/ });
  await text.waitFor();
  await until('the note is in sight', async () => {
    const box = await text.boundingBox();
    return box !== null && box.y >= 0 && box.y < 800;
  });
  assert.match(await page.evaluate<string>('document.activeElement.className'), /note-text/);
  await page.getByLabel('Search', { exact: true }).fill('Lisbon');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByText('the best 50').waitFor();
  await page.getByLabel('Memory root').selectOption('work');
  await page.getByText('Choose a note to read it').waitFor();
});

test('how long a run hangs goes on, and a cancelled one is gone at once', async () => {
  await using open = await browser.open({ colours: 'light', size: 'wide' });
  const { page } = open;
  await signInByKey(page, daemon);
  await view(page, 'runs');
  const asked = callTool({ url: daemon.url, key: daemon.keys.client }, 'use_memory_agent', { question: 'for ever?' });
  await page.getByText(/^[5-9]\.\d s ago$/).waitFor();
  await page.getByRole('button', { name: /^Cancel run/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the run' }).click();
  assert.equal((await asked).code, 'CANCELLED');
  await page.getByText('Nobody is asking anything').waitFor();
});

test('a worker that crashes says what to do, its backend says so too, and the end of its log is in sight', async () => {
  await using open = await browser.open({ colours: 'light', size: 'wide' });
  const { page } = open;
  await signInByKey(page, daemon);
  await view(page, 'worker');
  await page.getByRole('table', { name: /^Backends/ }).waitFor();
  place.setFaults({ crashAtStart: 1 });
  await page.getByRole('button', { name: 'Restart', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Restart' }).click();
  await page.getByText('It ended too often.').waitFor();
  await page
    .getByRole('row', { name: /^worker local/ })
    .getByText(/crash_loop/)
    .waitFor();
  await page.getByText(/^Last failure/).click();
  await page.getByRole('region', { name: 'Log before the failure' }).waitFor();
  const isAtEnd = `(({ scrollTop, clientHeight, scrollHeight }) => scrollTop + clientHeight >= scrollHeight - 2)(
    document.querySelector('details .log'))`;
  await until('the end is in sight', () => page.evaluate<boolean>(isAtEnd));
});

test('the audit names the keys, is searched by a name, and says when a time can hold nothing', async () => {
  await callTool({ url: daemon.url, key: daemon.keys.client }, 'list_files', {});
  await using open = await browser.open({ colours: 'light', size: 'wide' });
  const { page } = open;
  await signInByKey(page, daemon);
  await view(page, 'audit');
  await page
    .getByRole('cell', { name: /^k_\w+ first admin$/ })
    .first()
    .waitFor();
  await page.getByLabel('Who').fill('first client');
  await page.getByRole('button', { name: 'Search' }).click();
  await page
    .getByRole('cell', { name: /^k_\w+ first client$/ })
    .first()
    .waitFor();
  await page.getByText('More filters').click();
  await page.getByLabel('From').fill('2026-11-30T02:00');
  await page.getByLabel('Until').fill('2026-11-29T02:00');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByText('“From” is after “Until”').waitFor();
});

test('a level that is refused does not look as if it were set; the daemon is drained and ends, which is in the audit', async () => {
  await using open = await browser.open({ colours: 'light', size: 'wide' });
  const { page } = open;
  await signInByKey(page, daemon);
  await view(page, 'config');
  const level = page.getByLabel('Log level');
  const before = await level.inputValue();
  await page.context().setOffline(true);
  await level.selectOption('error');
  await page.locator('.toasts').getByText('The daemon does not answer').waitFor();
  assert.equal(await level.inputValue(), before);
  await page.context().setOffline(false);

  await page.getByRole('button', { name: 'Drain and end' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Drain and end' }).click();
  assert.equal((await daemon.exited).code, 0);
  await page.getByText('No connection to the daemon').waitFor();
  const found = await daemon.cli('audit', 'search', '--action', 'daemon.drain', '--kind', 'key', '--json');
  assert.match(found.stdout, /"operation": "daemon.drain"/);
});
