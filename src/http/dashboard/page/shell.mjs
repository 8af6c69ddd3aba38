// What is around the views: the side bar with its links, who is signed in, the state of the live feed; and the one that shows a
// view for an address. Leaving a view aborts all that it still does.
import { signOut } from './api.mjs';
import { announce, el, fill, icon } from './dom.mjs';
import { act } from './feedback.mjs';
import { LiveFeed } from './live.mjs';
import { keepTimes, dateTime } from './format.mjs';
import { badge } from './parts.mjs';
import { themeSwitch } from './theme.mjs';
import { showAudit } from './views/audit.mjs';
import { showConfig } from './views/config.mjs';
import { showFilters } from './views/filters.mjs';
import { showKeys } from './views/keys.mjs';
import { showNotes } from './views/notes.mjs';
import { showOverview } from './views/overview.mjs';
import { showRuns } from './views/runs.mjs';
import { showUsage } from './views/usage.mjs';
import { showWorker } from './views/worker.mjs';

/**
 * @typedef {object} ViewContext
 * @property {HTMLElement} place where the view goes
 * @property {AbortSignal} signal when it is left
 * @property {LiveFeed} live
 * @property {import('./api.mjs').Person} person
 * @property {boolean} canWrite whether actions are allowed at all
 */

/** @type {readonly (readonly [string, import('./dom.mjs').IconName, string, (context: ViewContext) => void])[]} */
const VIEWS = [
  ['overview', 'overview', 'Overview', showOverview],
  ['worker', 'worker', 'Models and worker', showWorker],
  ['runs', 'runs', 'Runs in flight', showRuns],
  ['keys', 'keys', 'Keys', showKeys],
  ['usage', 'usage', 'Usage', showUsage],
  ['audit', 'audit', 'Audit', showAudit],
  ['notes', 'notes', 'Notes', showNotes],
  ['filters', 'filters', 'Filters', showFilters],
  ['config', 'config', 'Configuration', showConfig],
];

const lostNotice = () =>
  el(
    'div',
    { class: 'notice warn' },
    el('strong', {}, 'No connection to the daemon'),
    el(
      'p',
      {},
      `What you see is from ${dateTime(new Date().toISOString())} or before. The page tries again by itself.`,
    ),
  );

const CONNECTION = { connecting: ['starting', 'connecting'], live: ['ok', 'live'], lost: ['failed', 'no connection'] };

/**
 * @param {import('./api.mjs').Person} person
 * @param {AbortSignal} signal until the session ends
 * @param {() => void} left
 */
export function showShell(person, signal, left) {
  const app = document.getElementById('app');
  if (app === null) return;
  const live = new LiveFeed();
  signal.addEventListener('abort', () => live.stop());
  const main = el('main', { id: 'main', tabindex: -1 });
  const links = VIEWS.map(([path, symbol, title]) => el('a', { href: `#/${path}` }, icon(symbol), title));
  const menu = el(
    'button',
    {
      type: 'button',
      class: 'menu-button icon-only',
      'aria-expanded': 'false',
      'aria-controls': 'menu',
      'aria-label': 'Menu',
      onclick: () => setMenu(side.dataset['open'] !== 'true'),
    },
    icon('menu'),
  );
  const connection = el('span', {});
  const lost = el('div', { class: 'lost', role: 'status' });
  /** @type {HTMLElement} */
  const side = el(
    'header',
    { class: 'side', onkeydown: (event) => event instanceof KeyboardEvent && event.key === 'Escape' && setMenu(false) },
    el(
      'div',
      { class: 'side-head' },
      el(
        'div',
        { class: 'brand' },
        el('img', { src: '/assets/icon.svg', alt: '' }),
        el('div', {}, 'mem-agent', el('small', {}, 'Operator')),
      ),
      menu,
    ),
    el(
      'div',
      { class: 'side-body', id: 'menu' },
      el('nav', { 'aria-label': 'Views' }, el('ul', {}, ...links.map((link) => el('li', {}, link)))),
      el(
        'div',
        { class: 'side-foot' },
        el('div', { class: 'row' }, connection, themeSwitch()),
        el(
          'div',
          { class: 'small who', title: person.id },
          person.name,
          el('span', { class: 'muted' }, ` · ${person.id}`),
          !person.scopes.includes('admin:write') &&
            el('div', { class: 'muted' }, 'Looks only: actions need a key with admin:write'),
        ),
        el(
          'button',
          {
            type: 'button',
            class: 'small',
            onclick: (event) =>
              void act(event, async () => {
                await signOut();
                left();
              }),
          },
          icon('out'),
          'Sign out',
        ),
      ),
    ),
  );
  fill(app, el('div', { class: 'shell' }, side, el('div', { class: 'page' }, lost, main)));
  keepTimes(signal);

  /** @param {boolean} isOpen */
  function setMenu(isOpen) {
    if (!isOpen && side.dataset['open'] === 'true' && side.contains(document.activeElement)) menu.focus();
    side.dataset['open'] = String(isOpen);
    menu.setAttribute('aria-expanded', String(isOpen));
    fill(menu, icon(isOpen ? 'close' : 'menu'));
  }

  live.on(
    'connection',
    (/** @type {keyof typeof CONNECTION} */ state) => {
      const [look = '', words = ''] = CONNECTION[state];
      fill(connection, badge(look, words));
      if (state === 'lost') {
        // Each try that fails says so again; the time is that of the first.
        if (lost.childElementCount === 0) fill(lost, lostNotice());
      } else if (lost.childElementCount > 0) {
        lost.replaceChildren();
        if (main.querySelector('.notice.bad') !== null) route(true);
      }
    },
    signal,
  );
  fill(connection, badge('starting', 'connecting'));

  /** @type {AbortController | undefined} */
  let shown;
  /** @param {boolean} isFirst */
  function route(isFirst) {
    const name = /^#\/([a-z]+)/.exec(location.hash)?.[1] ?? 'overview';
    if (location.hash.startsWith('#link=')) return;
    const index = Math.max(
      0,
      VIEWS.findIndex(([path]) => path === name),
    );
    const view = VIEWS[index];
    if (view === undefined) return;
    const [, , title, show] = view;
    shown?.abort();
    shown = new AbortController();
    const place = el('div', { class: 'view' });
    fill(main, place);
    document.title = `${title} – mem-agent`;
    links.forEach((link, at) =>
      at === index ? link.setAttribute('aria-current', 'page') : link.removeAttribute('aria-current'),
    );
    setMenu(false);
    show({
      place,
      signal: AbortSignal.any([signal, shown.signal]),
      live,
      person,
      canWrite: person.scopes.includes('admin:write'),
    });
    window.scrollTo(0, 0);
    if (isFirst) return;
    announce(title);
    main.querySelector('h1')?.focus();
  }

  window.addEventListener('hashchange', () => route(false), { signal });
  document.querySelector('.skip-link')?.addEventListener(
    'click',
    (event) => {
      event.preventDefault();
      main.focus();
    },
    { signal },
  );
  route(true);
  void live.start();
}
