// A table with a caption and column heads; on a phone each row becomes a small card (the roles keep it a table for readers).
import { el } from './dom.mjs';
import { empty } from './feedback.mjs';

/**
 * @template Row
 * @typedef {object} Column
 * @property {string} head
 * @property {(row: Row) => import('./dom.mjs').Child | import('./dom.mjs').Child[]} cell
 * @property {'number' | 'actions' | 'nowrap'} [kind]
 */

/**
 * @template Row
 * @param {object} options
 * @param {string} options.caption
 * @param {boolean} [options.isCaptionHidden]
 * @param {Column<Row>[]} options.columns
 * @param {readonly Row[]} options.rows
 * @param {string | Node} options.whenEmpty
 */
export function table({ caption, isCaptionHidden = false, columns, rows, whenEmpty }) {
  const title = el('h2', { class: isCaptionHidden ? 'visually-hidden' : undefined }, caption);
  if (rows.length === 0) return el('div', {}, el('div', { class: 'card-head' }, title), empty(whenEmpty));
  const head = columns.map(({ head, kind }) =>
    el('th', { scope: 'col', role: 'columnheader', class: kind }, kind === 'actions' ? hidden(head) : head),
  );
  const body = rows.map((row) =>
    el(
      'tr',
      { role: 'row' },
      ...columns.map(({ head, cell, kind }) =>
        el('td', { role: 'cell', class: kind, 'data-label': head }, el('div', {}, ...[cell(row)].flat())),
      ),
    ),
  );
  return el(
    'div',
    { class: 'table-scroll' },
    el(
      'table',
      { class: 'stacks', role: 'table' },
      el('caption', { class: isCaptionHidden ? 'visually-hidden' : undefined }, title),
      el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, ...head)),
      el('tbody', { role: 'rowgroup' }, ...body),
    ),
  );
}

/** @param {string} text */
const hidden = (text) => el('span', { class: 'visually-hidden' }, text);
