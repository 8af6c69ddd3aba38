// Every setting with its value and the source that won; reload, how much is logged, and the polite end of the daemon.
import { call, list } from '../api.mjs';
import { confirm } from '../dialog.mjs';
import { el, fill } from '../dom.mjs';
import { act, load, toast } from '../feedback.mjs';
import { badge, card, field, select, tag, viewHead } from '../parts.mjs';
import { table } from '../table.mjs';

/** @typedef {{key: string, value: unknown, source: string, doc: string, default: unknown, reloadable: boolean, pendingRestart?: boolean}} Setting */

const LEVELS = /** @type {const} */ (['debug', 'info', 'warn', 'error']).map(
  (level) => /** @type {const} */ ([level, level]),
);

/** @param {import('../shell.mjs').ViewContext} context */
export function showConfig({ place, signal, canWrite }) {
  const settings = card();
  const words = el('input', {
    type: 'search',
    placeholder: 'Part of a key or of its description',
    autocomplete: 'off',
    oninput: () => show(),
  });
  const withDefaults = el('input', { type: 'checkbox', onchange: () => show() });
  const level = select('level', LEVELS);
  level.disabled = true;
  let atLevel = '';
  /** @type {Setting[]} */
  let rows = [];
  const reload = el(
    'button',
    { type: 'button', disabled: !canWrite, onclick: (event) => void act(event, reloadConfig) },
    'Reload the files',
  );
  const end = el(
    'button',
    {
      type: 'button',
      class: 'danger',
      disabled: !canWrite,
      onclick: () =>
        confirm(
          'Drain and end the daemon?',
          'It takes no new request, finishes what runs, and ends; this page with it. Nothing starts it again by itself. On the machine: systemctl start mem-agent, or mem-agent serve.',
          'Drain and end',
          async () => {
            await call('/drain', { method: 'POST' });
            toast('It finishes what runs, and ends');
          },
        ),
    },
    'Drain and end',
  );
  fill(
    place,
    viewHead(
      'Configuration',
      'Set in files, the environment or on the command line, never here; secrets are masked.',
      reload,
      end,
    ),
    card(
      el(
        'div',
        { class: 'card-body fields' },
        field('Find', words),
        el('label', { class: 'check' }, withDefaults, 'Show what is left at its default too'),
        field('Log level, until the restart', level),
      ),
    ),
    settings,
  );
  level.addEventListener(
    'change',
    (event) =>
      void act(event, async () => {
        try {
          await call('/log-level', { method: 'PUT', body: { level: level.value } });
          atLevel = level.value;
        } finally {
          // What was refused does not look as if it were so.
          level.value = atLevel;
        }
        return `It logs at ${atLevel} now`;
      }),
  );

  const show = () => {
    const wanted = words.value.trim().toLowerCase();
    const chosen = rows.filter(
      (row) =>
        `${row.key} ${row.doc}`.toLowerCase().includes(wanted) &&
        (wanted !== '' || withDefaults.checked || row.source !== 'default'),
    );
    fill(settings, settingTable(chosen));
  };
  const ask = () =>
    load(
      settings,
      'Loading the settings …',
      async () => void (rows = await list('/config', { signal })),
      () => null,
    ).then(() => {
      if (rows.length > 0) show();
    });

  async function reloadConfig() {
    const { applied, needRestart } = await call('/config/reload', { method: 'POST' });
    await ask();
    const later = needRestart.length === 0 ? '' : ` After a restart: ${needRestart.join(', ')}.`;
    return applied.length + needRestart.length === 0
      ? 'Nothing has changed in the files'
      : `Applied: ${applied.join(', ') || 'nothing'}.${later}`;
  }

  void ask();
  call('/log-level', { signal }).then(
    (answer) => {
      level.value = answer.level;
      atLevel = answer.level;
      level.disabled = !canWrite;
    },
    () => (level.disabled = true),
  );
}

/** @param {Setting[]} rows */
function settingTable(rows) {
  return table({
    caption: 'Settings',
    isCaptionHidden: true,
    rows,
    whenEmpty: 'No setting matches. Try a shorter word, or show what is left at its default too.',
    columns: [
      { head: 'Key', cell: (row) => [el('code', {}, row.key), el('div', { class: 'muted small' }, row.doc)] },
      { head: 'Value', cell: (row) => el('code', {}, inWords(row.value)) },
      {
        head: 'Source',
        cell: (row) =>
          row.source === 'default'
            ? el('span', { class: 'muted' }, 'default')
            : el('strong', { class: 'small' }, row.source),
      },
      { head: 'Default', cell: (row) => el('code', { class: 'muted' }, inWords(row.default)) },
      {
        head: 'Change',
        kind: 'nowrap',
        cell: (row) =>
          row.pendingRestart === true
            ? badge('starting', 'waits for a restart')
            : tag(row.reloadable ? 'by reload' : 'by restart'),
      },
    ],
  });
}

/** @param {unknown} value */
const inWords = (value) => (Array.isArray(value) ? value.join(', ') || '–' : value === '' ? '–' : String(value));
