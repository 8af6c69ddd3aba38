// Pieces that several views show: badges of a state, fields of a form, the head of a view.
import { el } from './dom.mjs';

/** @type {Record<string, string>} How a state looks; what is not here is neutral. */
const LOOKS = {
  ok: 'ok',
  ready: 'ok',
  busy: 'ok',
  active: 'ok',
  closed: 'ok',
  running: 'ok',
  degraded: 'warn',
  starting: 'warn',
  loading: 'warn',
  draining: 'warn',
  queued: 'warn',
  'half-open': 'warn',
  expired: 'warn',
  cancelled: 'warn',
  unusable: 'bad',
  failed: 'bad',
  error: 'bad',
  denied: 'bad',
  open: 'bad',
  crashed: 'bad',
  crash_loop: 'bad',
  stalled: 'bad',
};

/** @param {string} state */
export const lookOf = (state) => LOOKS[state] ?? '';

/**
 * @param {string} state
 * @param {string} [words]
 */
export const badge = (state, words = state) =>
  el('span', { class: `badge ${lookOf(state)}` }, words.replaceAll('_', ' '));

/** @param {string} text */
export const tag = (text) => el('span', { class: 'badge plain' }, text);

/**
 * A button for one row of a table: a word to see, and which row it is about to hear.
 * @param {string} words
 * @param {{label: string, onclick: (event: Event) => unknown, disabled?: boolean, isDanger?: boolean}} what
 */
export const rowButton = (words, { label, onclick, disabled = false, isDanger = false }) =>
  el(
    'button',
    { type: 'button', class: isDanger ? 'small danger' : 'small', disabled, 'aria-label': label, onclick },
    words,
  );

let lastField = 0;

/**
 * A label, its control and a word of help, tied together.
 * @param {string} label
 * @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} control
 * @param {string} [help]
 */
export function field(label, control, help) {
  const id = `field-${(lastField += 1)}`;
  control.id = id;
  if (help !== undefined) control.setAttribute('aria-describedby', `${id}-help`);
  return el(
    'div',
    { class: 'field' },
    el('label', { for: id }, label),
    control,
    help !== undefined && el('span', { class: 'help', id: `${id}-help` }, help),
  );
}

/**
 * @param {string} name
 * @param {readonly (readonly [string, string])[]} options value and words
 * @param {string} [chosen]
 */
export function select(name, options, chosen) {
  return el(
    'select',
    { name },
    ...options.map(([value, words]) => el('option', { value, selected: value === chosen }, words)),
  );
}

/**
 * @param {string} name
 * @param {string} value
 * @param {string} label
 * @param {boolean} checked
 */
export const checkbox = (name, value, label, checked) =>
  el('label', { class: 'check' }, el('input', { type: 'checkbox', name, value, checked }), label);

/**
 * The head of a view: what it is, a sentence about it, and its actions.
 * @param {string} title
 * @param {string} about
 * @param {...import('./dom.mjs').Child} actions
 */
export function viewHead(title, about, ...actions) {
  return el(
    'header',
    { class: 'view-head' },
    el('div', {}, el('h1', { tabindex: -1 }, title), el('p', {}, about)),
    actions.length > 0 && el('div', { class: 'row' }, ...actions),
  );
}

/** @param {...(import('./dom.mjs').Child | import('./dom.mjs').Child[])} children */
export const card = (...children) => el('section', { class: 'card' }, ...children);

/** @param {readonly (readonly [string, import('./dom.mjs').Child])[]} facts */
export const facts = (facts) =>
  el('dl', { class: 'facts' }, ...facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
