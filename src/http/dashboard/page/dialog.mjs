// Dialogs: the browser's own, so that focus stays inside, Esc closes, and focus goes back to where it was.
import { el, fill, focusOn } from './dom.mjs';
import { failure } from './feedback.mjs';

let lastId = 0;

/**
 * @param {string} title
 * @param {...(import('./dom.mjs').Child | import('./dom.mjs').Child[])} children
 */
export function openDialog(title, ...children) {
  const id = `dialog-${(lastId += 1)}`;
  const opener = document.activeElement;
  const dialog = el('dialog', { 'aria-labelledby': id });
  fill(dialog, el('div', { class: 'dialog-body' }, el('h2', { id }, title), ...children.flat()));
  dialog.addEventListener('close', () => {
    dialog.remove();
    focusOn(opener instanceof HTMLElement ? opener : null);
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** For what ends under an open dialog, as a session does. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll('dialog')) dialog.close();
}

/**
 * A form in a dialog. Stays open with what is wrong when the action fails.
 * @param {object} options
 * @param {string} options.title
 * @param {import('./dom.mjs').Child[]} options.content
 * @param {string} options.action the word on the button
 * @param {boolean} [options.isDangerous]
 * @param {(form: HTMLFormElement) => Promise<void>} options.submit
 */
export function openForm({ title, content, action, isDangerous = false, submit }) {
  const wrong = el('div', { class: 'dialog-wrong' });
  const go = el('button', { type: 'submit', class: isDangerous ? 'primary danger' : 'primary' }, action);
  const form = el(
    'form',
    {
      onsubmit: (event) => {
        event.preventDefault();
        void send();
      },
    },
    el('div', { class: 'fields-stack' }, ...content),
    wrong,
  );
  const cancel = el('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel');
  const foot = el('div', { class: 'dialog-foot' }, cancel, go);
  go.addEventListener('click', (event) => {
    event.preventDefault();
    form.requestSubmit();
  });
  const dialog = openDialog(title, form);
  dialog.append(foot);
  // What can't be undone is not one Enter too many away.
  if (form.querySelector('input, select, textarea') === null) (isDangerous ? cancel : go).focus();

  async function send() {
    go.disabled = true;
    wrong.replaceChildren();
    try {
      await submit(form);
      dialog.close();
    } catch (error) {
      fill(wrong, failure(error));
      wrong.scrollIntoView({ block: 'nearest' });
    } finally {
      go.disabled = false;
    }
  }
  return dialog;
}

/**
 * @param {string} title
 * @param {string} text what will happen, and whether it can be undone
 * @param {string} action
 * @param {() => Promise<void>} run
 * @param {import('./dom.mjs').Child} [which] what tells it from others of the same name
 */
export function confirm(title, text, action, run, which) {
  openForm({ title, content: [which, el('p', {}, text)], action, isDangerous: true, submit: run });
}
