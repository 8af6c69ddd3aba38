// How the page says that it waits, that there is nothing, that something failed and what to do, and that something is done.
import { Problem } from './api.mjs';
import { announce, el, fill, refill } from './dom.mjs';

/** @param {string} text */
export const loading = (text) => el('p', { class: 'loading' }, text);

/** @param {...import('./dom.mjs').Child} children */
export const empty = (...children) => el('p', { class: 'empty' }, ...children);

/** @param {unknown} error */
export function problemWords(error) {
  if (error instanceof Problem) return { title: error.message, hint: error.hint, requestId: error.requestId };
  return { title: 'The page itself failed', hint: `Load it again. ${String(error)}`, requestId: '' };
}

/**
 * @param {unknown} error
 * @param {() => void} [retry]
 */
export function failure(error, retry) {
  const { title, hint, requestId } = problemWords(error);
  return el(
    'div',
    { class: 'notice bad', role: 'alert' },
    el('strong', {}, title),
    hint !== '' && el('p', {}, hint),
    requestId !== '' && el('p', { class: 'small' }, 'In the log: ', el('code', {}, requestId)),
    retry !== undefined && el('button', { type: 'button', onclick: retry }, 'Try again'),
  );
}

/**
 * Shows a wait, then what came, or what went wrong with a way to try again. A newer load of the same place wins.
 * @template T
 * @param {Element} place
 * @param {string} wait
 * @param {() => Promise<T>} ask
 * @param {(answer: T) => import('./dom.mjs').Child | import('./dom.mjs').Child[]} show
 */
export async function load(place, wait, ask, show) {
  const turn = String(Number(place.getAttribute('data-turn') ?? 0) + 1);
  place.setAttribute('data-turn', turn);
  place.setAttribute('aria-busy', 'true');
  if (place.childElementCount === 0) fill(place, loading(wait));
  const isOurs = () => place.getAttribute('data-turn') === turn;
  try {
    const answer = await ask();
    if (isOurs()) refill(place, show(answer));
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return;
    if (isOurs())
      fill(
        place,
        failure(error, () => void load(place, wait, ask, show)),
      );
  } finally {
    if (isOurs()) place.removeAttribute('aria-busy');
  }
}

const TOAST_MS = 6000;

/**
 * @param {string} text
 * @param {'ok' | 'bad'} [kind]
 */
export function toast(text, kind = 'ok') {
  const there = document.querySelector('.toasts');
  const place =
    there instanceof HTMLElement
      ? there
      : el('div', { class: 'toasts', role: 'region', 'aria-label': 'Messages', popover: 'manual' });
  if (place !== there) document.body.append(place);
  const message = el('div', { class: `notice ${kind}` }, text);
  place.append(message);
  // Shown anew, so that it is over a dialog that has been opened since.
  place.hidePopover();
  place.showPopover();
  announce(text);
  setTimeout(() => message.remove(), TOAST_MS);
}

/**
 * Runs what a button asks for: it can't be pressed twice meanwhile, and what fails is said.
 * @param {Event} event
 * @param {() => Promise<string | undefined | void>} action returns what to say when it is done
 */
export async function act(event, action) {
  const button = event.currentTarget instanceof HTMLButtonElement ? event.currentTarget : null;
  if (button !== null) button.disabled = true;
  try {
    const done = await action();
    if (typeof done === 'string') toast(done);
  } catch (error) {
    const { title, hint } = problemWords(error);
    toast(`${title}. ${hint}`, 'bad');
  } finally {
    if (button !== null) button.disabled = false;
  }
}
