// Makes elements. Guarantee: text is always text, never HTML; there is no way in here to write markup.

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * Attributes are set as they are; `on…` are listeners, true is an empty attribute, false and undefined are none.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean | undefined | ((event: Event) => unknown)>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  fill(element, ...children);
  return element;
}

/**
 * Replaces what is in it.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  const nodes = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  element.replaceChildren(...nodes.map((child) => (child instanceof Node ? child : String(child))));
}

/**
 * The same for what is shown again while somebody may be in it: the focus stays with the control of that name.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function refill(element, ...children) {
  const active = document.activeElement;
  const name = active !== null && element.contains(active) ? nameOf(active) : null;
  fill(element, ...children);
  if (name === null) return;
  const again = [...element.querySelectorAll('button, input, select, [tabindex]')].find(
    (each) => nameOf(each) === name,
  );
  focusOn(again instanceof HTMLElement ? again : null);
}

/** @param {Element} control */
const nameOf = (control) => control.getAttribute('aria-label') ?? control.textContent;

/**
 * When it is gone, the head of the view is where a reader goes on.
 * @param {HTMLElement | null} wanted
 */
export function focusOn(wanted) {
  (wanted?.isConnected === true ? wanted : document.querySelector('h1'))?.focus();
}

/** Line drawings on a grid of 24; decoration, the word is beside them. */
const ICONS = {
  overview: 'M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z',
  worker: 'M6 6h12v12H6zM10 2v4M14 2v4M10 18v4M14 18v4M2 10h4M2 14h4M18 10h4M18 14h4',
  keys: 'M15 9a4 4 0 1 0-3.9 4L9 15H7v2H5v2H3v-3l6.2-6.2M15.5 8.5h.01',
  usage: 'M4 20V10M10 20V4M16 20v-7M21 20H3',
  audit: 'M12 3l8 3v6c0 4.5-3.2 7.6-8 9-4.8-1.4-8-4.5-8-9V6zM9 12l2 2 4-4',
  runs: 'M5 4l14 8-14 8z',
  notes: 'M6 3h9l4 4v14H6zM14 3v5h5M9 13h7M9 17h5',
  filters: 'M4 5h16l-6 8v6l-4-2v-4z',
  config: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4',
  menu: 'M4 7h16M4 12h16M4 17h16',
  close: 'M6 6l12 12M18 6L6 18',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4',
  moon: 'M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5z',
  out: 'M10 4H5v16h5M15 8l4 4-4 4M19 12H9',
};

/** @typedef {keyof typeof ICONS} IconName */

/** @param {IconName} name */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * Says it to who listens rather than looks.
 * @param {string} text
 */
export function announce(text) {
  // What is outside an open dialog is inert: nothing there is read out.
  const dialog = [...document.querySelectorAll('dialog[open]')].at(-1);
  if (dialog === undefined) {
    const announcer = document.getElementById('announcer');
    if (announcer !== null) announcer.textContent = text;
    return;
  }
  let place = dialog.querySelector('.announcer');
  if (place === null) dialog.append((place = el('div', { class: 'announcer visually-hidden', role: 'status' })));
  place.textContent = text;
}
