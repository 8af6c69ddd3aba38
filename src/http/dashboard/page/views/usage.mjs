// What was used, by key, tool, backend or day: a chart, a table, and the table as a file for a spreadsheet.
import { call, list } from '../api.mjs';
import { chart } from '../chart.mjs';
import { download } from '../download.mjs';
import { el, fill } from '../dom.mjs';
import { empty, load } from '../feedback.mjs';
import { duration, money, number } from '../format.mjs';
import { card, field, select, viewHead } from '../parts.mjs';
import { table } from '../table.mjs';

/** @typedef {{group: string, calls: number, errors: number, refused: number, inputTokens: number, outputTokens: number, modelMs: number, turns: number, notesRead: number, notesWritten: number, durationMs: number, costUsd: number}} Row */

const FIGURES = /** @type {const} */ ([
  ['calls', 'Calls'],
  ['errors', 'Errors'],
  ['refused', 'Refused'],
  ['inputTokens', 'Tokens in'],
  ['outputTokens', 'Tokens out'],
  ['modelMs', 'Model time'],
  ['turns', 'Turns'],
  ['notesRead', 'Read'],
  ['notesWritten', 'Written'],
  ['costUsd', 'Cost'],
]);
const GROUPS = /** @type {const} */ ([
  ['key', 'Key'],
  ['tool', 'Tool'],
  ['backend', 'Backend'],
  ['day', 'Day'],
]);
const RANGES = /** @type {const} */ ([
  ['24h', 'Last 24 hours'],
  ['7d', 'Last 7 days'],
  ['30d', 'Last 30 days'],
  ['365d', 'Last year'],
]);

/** @param {import('../shell.mjs').ViewContext} context */
export function showUsage({ place, signal }) {
  const by = select('by', GROUPS, 'key');
  const last = select('last', RANGES, '30d');
  const figures = card();
  const days = el('div', { class: 'grid-2' });
  /** @type {Row[]} */
  let rows = [];
  const save = el(
    'button',
    {
      type: 'button',
      onclick: () => download(`mem-agent-usage-by-${by.value}.csv`, 'text/csv', csvOf(by.value, rows)),
    },
    'Download CSV',
  );
  for (const control of [by, last]) control.addEventListener('change', () => void reload());
  fill(
    place,
    viewHead('Usage', 'Counted in the same transaction as the audit, so that both always agree.', save),
    card(el('div', { class: 'card-body fields' }, field('Time', last), field('Sum up by', by))),
    days,
    figures,
  );

  async function reload() {
    const query = new URLSearchParams({ last: last.value, by: by.value });
    const byDay = new URLSearchParams({ last: last.value, by: 'day' });
    await Promise.all([
      load(
        figures,
        'Adding up …',
        () => Promise.all([call(`/usage?${query}`, { signal }), by.value === 'key' ? keyNames(signal) : new Map()]),
        ([answer, names]) => {
          rows = answer.rows;
          save.disabled = rows.length === 0;
          return usageTable(by.value, rows, names);
        },
      ),
      load(
        days,
        'Adding up …',
        () => call(`/usage?${byDay}`, { signal }),
        (answer) => dayCharts(answer, signal),
      ),
    ]);
  }
  void reload();
}

/**
 * @param {AbortSignal} signal
 * @returns {Promise<Map<string, string>>}
 */
async function keyNames(signal) {
  const keys = await list('/keys', { signal });
  return new Map(keys.map((/** @type {{id: string, name: string}} */ key) => [key.id, key.name]));
}

/**
 * @param {string} by
 * @param {Row[]} rows
 * @param {Map<string, string>} names of keys, by their id
 */
function usageTable(by, rows, names) {
  const title = GROUPS.find(([group]) => group === by)?.[1] ?? by;
  return table({
    caption: `Usage by ${title.toLowerCase()}`,
    rows,
    whenEmpty:
      'Nothing was used in this time. Choose a longer one, or connect a client: mem-agent ask "who am I?" counts as well.',
    columns: [
      { head: title, cell: (row) => groupCell(row.group, names.get(row.group)) },
      ...FIGURES.map(([name, head]) => ({
        head,
        kind: /** @type {const} */ ('number'),
        cell: (/** @type {Row} */ row) => figureOf(name, row[name]),
      })),
    ],
  });
}

/**
 * @param {string} group
 * @param {string | undefined} name
 */
function groupCell(group, name) {
  if (name === undefined) return el('strong', {}, group === '' ? 'no model' : group);
  return el('div', {}, el('strong', {}, name), el('div', { class: 'muted small' }, el('code', {}, group)));
}

/**
 * @param {string} name
 * @param {number} value
 */
const figureOf = (name, value) =>
  name === 'costUsd' ? money(value) : name === 'modelMs' ? duration(value) : number(value);

/**
 * @param {{rows: Row[], since: string, until: string}} report by day
 * @param {AbortSignal} signal
 */
function dayCharts({ rows: used, since, until }, signal) {
  if (used.length === 0) return card(empty('No usage in this time to draw.'));
  const rows = everyDay(used, since, until);
  const times = rows.map(({ group }) => dayMs(group) / 1000);
  /** @param {(row: Row) => number} pick */
  const sum = (pick) => rows.reduce((total, row) => total + pick(row), 0);
  const calls = chart({ title: 'Calls a day', series: ['calls', 'errors'], format: number, signal, isBars: true });
  const tokens = chart({ title: 'Tokens a day', series: ['in', 'out'], format: number, signal, isBars: true });
  queueMicrotask(() => {
    calls.show({
      times,
      values: [rows.map((row) => row.calls), rows.map((row) => row.errors)],
      now: `${number(sum((row) => row.calls))} in all`,
      words: `${sum((row) => row.calls)} calls and ${sum((row) => row.errors)} errors in ${used.length} days; the table below has them all.`,
    });
    tokens.show({
      times,
      values: [rows.map((row) => row.inputTokens), rows.map((row) => row.outputTokens)],
      now: `${number(sum((row) => row.inputTokens + row.outputTokens))} in all`,
      words: `${sum((row) => row.inputTokens)} in and ${sum((row) => row.outputTokens)} out in ${used.length} days.`,
    });
  });
  return [calls.element, tokens.element];
}

/** @param {string} day */
const dayMs = (day) => Date.parse(`${day}T00:00:00Z`);

/**
 * Days without use are days with nothing, and a chart has a fortnight at least.
 * @param {Row[]} used
 * @param {string} since
 * @param {string} until
 */
function everyDay(used, since, until) {
  const lastMs = dayMs(until.slice(0, 10));
  const firstMs = Math.min(
    Math.max(dayMs(since.slice(0, 10)), dayMs(used[0]?.group ?? until.slice(0, 10))),
    lastMs - 13 * DAY_MS,
  );
  return Array.from({ length: Math.round((lastMs - firstMs) / DAY_MS) + 1 }, (_, index) => {
    const group = new Date(firstMs + index * DAY_MS).toISOString().slice(0, 10);
    return used.find((row) => row.group === group) ?? { ...NOTHING, group };
  });
}

const DAY_MS = 86_400_000;
const NOTHING = {
  calls: 0,
  errors: 0,
  refused: 0,
  inputTokens: 0,
  outputTokens: 0,
  modelMs: 0,
  turns: 0,
  notesRead: 0,
  notesWritten: 0,
  durationMs: 0,
  costUsd: 0,
};

/**
 * A cell that begins like a formula is quoted, so that a spreadsheet does not run it.
 * @param {string} by
 * @param {Row[]} rows
 */
function csvOf(by, rows) {
  /** @param {string | number} value */
  const cell = (value) => {
    const text = typeof value === 'string' && /^[=+\-@\t]/.test(value) ? `'${value}` : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const names = FIGURES.map(([name]) => name);
  const head = [by, ...names].join(',');
  return `${[head, ...rows.map((row) => [row.group, ...names.map((name) => row[name])].map(cell).join(','))].join('\r\n')}\r\n`;
}
