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

/** What stands in a cell with nothing in it; on a phone such a cell is left out. */
const NOTHING = '–';

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
  if (rows.length === 0)
    return el(
      'div',
      {},
      !isCaptionHidden && el('div', { class: 'card-head' }, el('h2', {}, caption)),
      empty(whenEmpty),
    );
  const head = columns.map(({ head, kind }) =>
    el('th', { scope: 'col', role: 'columnheader', class: kind }, kind === 'actions' ? hidden(head) : head),
  );
  const body = rows.map((row) =>
    el(
      'tr',
      { role: 'row' },
      ...columns.map(({ head, cell, kind }) => {
        const content = [cell(row)].flat();
        const look = [kind, content.length === 1 && content[0] === NOTHING && 'nothing'].filter(Boolean).join(' ');
        return el('td', { role: 'cell', class: look || undefined, 'data-label': head }, el('div', {}, ...content));
      }),
    ),
  );
  return el(
    'div',
    { class: 'table-scroll' },
    el(
      'table',
      { class: 'stacks', role: 'table' },
      el('caption', { class: isCaptionHidden ? 'visually-hidden' : undefined }, caption),
      el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, ...head)),
      el('tbody', { role: 'rowgroup' }, ...body),
    ),
  );
}

/** @param {string} text */
const hidden = (text) => el('span', { class: 'visually-hidden' }, text);
