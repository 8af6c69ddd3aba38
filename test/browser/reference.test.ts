// The reference of the admin API in a real Chromium: every route is there, a try shows the daemon's answer, nothing comes from
// elsewhere, and the key stays in the page.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { startBrowser } from '../helpers/browser.ts';
import { startDaemon } from '../helpers/start-daemon.ts';

test('routes are listed once a key is given, and one is tried', async () => {
  await using daemon = await startDaemon({ flags: ['--sandbox.standby', '0'] });
  await using browser = await startBrowser();
  for (const [colours, size] of [
    ['light', 'wide'],
    ['dark', 'phone'],
  ] as const) {
    await using open = await browser.open({ colours, size });
    const { page } = open;
    const loaded = await page.goto(`${daemon.opsUrl}/admin/v1/reference`);
    assert.match(loaded?.headers()['content-security-policy'] ?? '', /default-src 'none'.*script-src 'self'/);
    await page.getByText('Paste an API key').waitFor();
    await page.getByLabel('API key').fill(daemon.keys.admin);
    await page.getByLabel('Find').focus();
    const cards = page.locator('details.route');
    await cards.first().waitFor();
    assert.ok((await cards.count()) >= 35, `${await cards.count()} routes`);
    await page.getByLabel('Find').fill('/keys');
    await page.getByText('/keys', { exact: true }).first().click();
    await page.getByLabel('limit').fill('1');
    await page.getByRole('button', { name: 'Send GET /keys', exact: true }).click();
    const answer = page.getByLabel('Answer of GET /keys');
    await answer.filter({ hasText: 'nextCursor' }).waitFor();
    const text = (await answer.textContent()) ?? '';
    assert.match(text, /^HTTP 200\n\n\{/);
    assert.equal([...text.matchAll(/"id":/g)].length, 1);
    const width = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    assert.ok(width <= 0, `${width} pixels too wide`);
    const shots = process.env['MEMA_SHOTS'];
    if (shots !== undefined) await page.screenshot({ path: join(shots, `reference-${colours}-${size}.png`) });
    assert.doesNotMatch(
      await page.evaluate<string>('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href])'),
      /mema_admin/,
    );
    assert.deepEqual([open.complaints, [...open.origins]], [[], [daemon.opsUrl]]);
  }
});
