// Every view in light and dark, wide and on a phone, in a real Chromium on a real daemon with a worker: nothing overflows, the
// browser has nothing to complain about, nothing is asked of another host, axe finds nothing serious.
// MEMA_SHOTS=DIRECTORY keeps a picture of each.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { axeFindings } from '../helpers/axe-findings.ts';
import { showView, signInByKey, startBrowser, VIEWS, type OpenBrowser } from '../helpers/browser.ts';
import { callTool } from '../helpers/call-tool.ts';
import { workerPlace, type WorkerDaemon, type WorkerPlace } from '../helpers/worker-daemon.ts';

let place: WorkerPlace;
let daemon: WorkerDaemon;
let browser: OpenBrowser;

before(async () => {
  place = workerPlace();
  mkdirSync(join(place.memoryDir, 'entities'), { recursive: true });
  writeFileSync(join(place.memoryDir, 'user.md'), '# Kim\n\n- lives in Lisbon\n- sister: [[entities/anna]]\n');
  writeFileSync(join(place.memoryDir, 'entities/anna.md'), `# Anna\n\n- city: Lisbon\n- id: ${'x'.repeat(300)}\n`);
  daemon = await place.start();
  await daemon.workerUntil((status) => status.state === 'ready');
  const client = { url: daemon.url, key: daemon.keys.client };
  for (const question of ['where does Anna live?', 'and Kim?'])
    await callTool(client, 'use_memory_agent', { question });
  await callTool(client, 'search', { query: 'Lisbon' });
  await callTool(client, 'fetch', { id: 'no/such/note.md' });
  browser = await startBrowser();
});

after(async () => {
  await browser[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

/** What a person does first in a view, so that its dialogs and answers are looked at too. */
const STEPS: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  async 'keys: new key'(page) {
    await page.getByRole('button', { name: 'New key' }).click();
    for (const group of ['Limits', 'Paths, tools and networks', 'Cloud models'])
      await page.getByText(group, { exact: true }).click();
  },
  async 'audit: verified'(page) {
    await page.getByRole('button', { name: 'Verify the chain' }).click();
    await page.getByText('The chain is whole').waitFor();
  },
  async 'audit: details'(page) {
    await page
      .getByRole('button', { name: /^Details of record/ })
      .first()
      .click();
  },
  async 'filters: changed elsewhere'(page) {
    const form = page.getByRole('form', { name: 'What the agent does not tell' });
    const text = '- do not reveal phone numbers\n- nothing about health\n';
    assert.equal((await daemon.admin('PUT', '/filters/answer', { text: `${text}\n${Date.now()}\n` })).status, 200);
    await form.getByLabel('Rules').fill(`${text}- ${'x'.repeat(200)}\n`);
    await form.getByRole('button', { name: 'Save' }).click();
    await form.getByText('The rules were changed since you opened them').waitFor();
  },
  async 'notes: a note'(page) {
    await page.getByRole('button', { name: /anna\.md/ }).click();
    await page.getByText('city: Lisbon').waitFor();
  },
  async 'notes: nothing found'(page) {
    await page.getByLabel('Search', { exact: true }).fill('zebra');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByText('No note matches').waitFor();
  },
};

for (const colours of ['light', 'dark'] as const) {
  for (const size of ['wide', 'phone'] as const) {
    test(`all views, ${colours}, ${size}`, async () => {
      await using open = await browser.open({ colours, size });
      const { page } = open;
      const look = async (name: string): Promise<void> => {
        const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
        assert.ok(overflow <= 0, `${name} is ${overflow} px too wide`);
        assert.deepEqual(await axeFindings(page), [], name);
        await keepShot(page, `${name.replaceAll(/[: ]+/g, '-')}-${colours}-${size}`);
      };
      await page.goto(daemon.opsUrl);
      await page.getByLabel('Admin key').waitFor();
      await look('sign in');
      await signInByKey(page, daemon);
      for (const view of VIEWS) {
        await showView(page, view);
        await look(view[0]);
        for (const [name, step] of Object.entries(STEPS).filter(([step]) => step.startsWith(`${view[0]}:`))) {
          await step(page);
          await look(name);
          await page.keyboard.press('Escape');
        }
      }
      if (size === 'phone') {
        await page.getByRole('button', { name: 'Menu' }).click();
        await look('menu');
      }
      // The one answer 412 that was asked for: Chromium writes down each failed request.
      assert.deepEqual(
        open.complaints.filter((line) => !line.includes('status of 412')),
        [],
      );
      assert.deepEqual([...open.origins], [daemon.opsUrl]);
    });
  }
}

async function keepShot(page: Page, name: string): Promise<void> {
  const directory = process.env['MEMA_SHOTS'];
  if (directory !== undefined) await page.screenshot({ path: join(directory, `${name}.png`), fullPage: true });
}
