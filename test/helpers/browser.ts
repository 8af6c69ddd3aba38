// A real Chromium on the operator's page of a real daemon. Guarantees: what the browser complains about (console, page errors, CSP) and
// every address it asked is kept, so that a test can say there was nothing; the browser is gone afterwards.
import { chromium, type Browser, type Page } from 'playwright-core';
import type { DaemonProcess } from './start-daemon.ts';

export const CHROMIUM = '/usr/bin/chromium';
export const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;

export interface OpenBrowser extends AsyncDisposable {
  open(options: { colours: 'light' | 'dark'; size: keyof typeof SIZES }): Promise<OpenPage>;
}

export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  /** Console errors and warnings, uncaught errors, CSP violations. */
  readonly complaints: string[];
  /** Origins that were asked for anything. */
  readonly origins: Set<string>;
}

const REPORT_VIOLATIONS = `document.addEventListener('securitypolicyviolation', (event) =>
  console.error('CSP ' + event.violatedDirective + ' ' + event.blockedURI));`;

export async function startBrowser(): Promise<OpenBrowser> {
  // CI runs as root in a container, where Chromium's own sandbox can't be set up; it only ever loads our page.
  const browser: Browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  return {
    async open({ colours, size }) {
      const context = await browser.newContext({
        viewport: SIZES[size],
        colorScheme: colours,
        reducedMotion: 'reduce',
        permissions: ['clipboard-write'],
      });
      const page = await context.newPage();
      const complaints: string[] = [];
      const origins = new Set<string>();
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
      });
      page.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack ?? error.message}`));
      page.on('request', (request) => {
        const url = new URL(request.url());
        if (url.protocol !== 'data:') origins.add(url.origin === 'null' ? url.protocol : url.origin);
      });
      await page.addInitScript({ content: REPORT_VIOLATIONS });
      return { page, complaints, origins, [Symbol.asyncDispose]: () => context.close() };
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

/** By key, as a person does it; resolves with how long the page took from there until the first view was painted. */
export async function signInByKey(page: Page, daemon: DaemonProcess, key = daemon.keys.admin): Promise<number> {
  await page.goto(daemon.opsUrl);
  await page.getByLabel('Admin key').fill(key);
  await page.evaluate(MEASURE_FIRST_VIEW);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('table', { name: 'Components' }).waitFor();
  return await page.evaluate<number>('firstViewMs');
}

/** Inside the page, so that what the test itself takes is not in it. */
const MEASURE_FIRST_VIEW = `globalThis.firstViewMs = new Promise((resolve) => {
  addEventListener('submit', () => {
    const startedMs = performance.now();
    new MutationObserver((_changes, watcher) => {
      if (document.querySelector('table') === null) return;
      watcher.disconnect();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - startedMs)));
    }).observe(document.body, { childList: true, subtree: true });
  }, { capture: true, once: true });
});
undefined;`;

export const VIEWS = [
  ['overview', 'Overview'],
  ['worker', 'Models and worker'],
  ['runs', 'Runs in flight'],
  ['keys', 'Keys'],
  ['usage', 'Usage'],
  ['audit', 'Audit'],
  ['notes', 'Notes'],
  ['filters', 'Filters'],
  ['config', 'Configuration'],
] as const;

/** Goes to a view and waits until nothing on it is loading. */
export async function showView(page: Page, [path, title]: (typeof VIEWS)[number]): Promise<void> {
  await page.evaluate(`location.hash = '#/${path}'`);
  await page.getByRole('heading', { level: 1, name: title }).waitFor();
  await page.locator('.loading, [aria-busy]').first().waitFor({ state: 'detached' });
}
