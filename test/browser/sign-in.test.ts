// Signing in and out in a real Chromium: by key, by the link of the command line, the end of a session with its key; what the
// browser keeps; and the page by keyboard alone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { showView, signInByKey, startBrowser, VIEWS, type OpenBrowser, type OpenPage } from '../helpers/browser.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';

let daemon: DaemonProcess;
let browser: OpenBrowser;

before(async () => {
  daemon = await startDaemon();
  browser = await startBrowser();
});

after(async () => {
  await browser[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
});

const openPage = (): Promise<OpenPage> => browser.open({ colours: 'light', size: 'wide' });
const STORED = 'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href])';

test('a key signs in, is kept nowhere, and signs out', async () => {
  await using open = await openPage();
  const { page } = open;
  await signInByKey(page, daemon);
  const stored = await page.evaluate<string>(STORED);
  assert.doesNotMatch(stored, new RegExp(daemon.keys.admin));
  assert.doesNotMatch(await page.content(), new RegExp(daemon.keys.admin));
  const cookies = await page.context().cookies();
  assert.deepEqual(
    cookies.map(({ httpOnly, sameSite, path, expires }) => ({ httpOnly, sameSite, path, expires })),
    [{ httpOnly: true, sameSite: 'Strict', path: '/', expires: -1 }],
  );
  assert.doesNotMatch(stored, new RegExp(cookies[0]?.value ?? 'none'), 'scripts do not see the cookie');

  await page.reload();
  await page.getByRole('table', { name: 'Components' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are signed out.').waitFor();
  await page.reload();
  await page.getByLabel('Admin key').waitFor();
  assert.deepEqual(await page.context().cookies(), []);
});

test('a wrong key is told apart, in words that name the fix', async () => {
  await using open = await openPage();
  const { page } = open;
  await page.goto(daemon.opsUrl);
  await page.getByLabel('Admin key').fill('mema_admin_wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('mem-agent dashboard').waitFor();
  await page.getByLabel('Admin key').fill(daemon.keys.client);
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('admin:read').first().waitFor();
  assert.equal(await page.getByLabel('Admin key').inputValue(), '');
});

test('the link of the command line signs in once, and leaves the address', async () => {
  const made = await daemon.cli('dashboard', '--json');
  const { url } = JSON.parse(made.stdout) as { url: string };
  assert.ok(url.startsWith(`${daemon.opsUrl}/#link=`));
  await using open = await openPage();
  const { page } = open;
  await page.goto(url);
  await page.getByRole('table', { name: 'Components' }).waitFor();
  assert.equal(page.url(), `${daemon.opsUrl}/`);
  await page.getByText('local socket').waitFor();
  assert.doesNotMatch(daemon.stderr(), new RegExp(url.split('=')[1] ?? 'none'));

  await using second = await openPage();
  await second.page.goto(url);
  await second.page.getByRole('alert').getByText('used before').waitFor();
});

test('a session ends with its key, and the page says so', async () => {
  const made = await daemon.cli('keys', 'create', '--name', 'guest', '--scopes', 'admin:read', '--json');
  const { id, key } = JSON.parse(made.stdout) as { id: string; key: string };
  await using open = await openPage();
  const { page } = open;
  await signInByKey(page, daemon, key);
  await showView(page, VIEWS[3]);
  assert.equal(await page.getByRole('button', { name: 'New key' }).isDisabled(), true, 'admin:read may only look');
  await daemon.cli('keys', 'revoke', id);
  // By itself: its live feed ends, and the next one is refused.
  await page.getByText('Your session has ended').waitFor();
});

test('the page works by keyboard alone, and dialogs let go', async () => {
  await using open = await openPage();
  const { page } = open;
  await signInByKey(page, daemon);
  const focused = (): Promise<string> =>
    page.evaluate<string>('(document.activeElement?.textContent || document.activeElement?.id || "").trim()');
  await page.reload();
  await page.getByRole('table', { name: 'Components' }).waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Skip to content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate('document.activeElement.id'), 'main');

  await page.getByRole('link', { name: 'Keys' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Keys' }).waitFor();
  assert.equal(await focused(), 'Keys', 'the heading of the new view has the focus');
  const opener = page.getByRole('button', { name: 'New key' });
  await opener.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  for (let count = 0; count < 40; count += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await focused(), 'New key', 'the focus is back where it was');
});

test('light and dark are a switch, and the choice stays', async () => {
  await using open = await openPage();
  const { page } = open;
  await signInByKey(page, daemon);
  const theme = (): Promise<string> => page.evaluate<string>('document.documentElement.dataset.theme');
  assert.equal(await theme(), 'light');
  await page.getByRole('button', { name: 'Switch to dark colours' }).click();
  assert.equal(await theme(), 'dark');
  await page.reload();
  await page.getByRole('button', { name: 'Switch to light colours' }).waitFor();
  assert.equal(await theme(), 'dark');
});
