// The way in: an admin key, pasted and sent once, or the link of `mem-agent dashboard`.
import { signIn } from './api.mjs';
import { el, fill } from './dom.mjs';
import { failure } from './feedback.mjs';
import { field } from './parts.mjs';

/**
 * @param {(person: import('./api.mjs').Person) => void} enter
 * @param {{words?: string, error?: unknown}} [why]
 */
export function showSignIn(enter, { words = '', error } = {}) {
  document.title = 'Sign in – mem-agent';
  const app = document.getElementById('app');
  if (app === null) return;
  const key = el('input', {
    type: 'password',
    name: 'key',
    required: true,
    autocomplete: 'off',
    spellcheck: 'false',
    maxlength: 200,
    placeholder: 'mema_admin_…',
  });
  const wrong = el('div', {}, error !== undefined && failure(error));
  const go = el('button', { type: 'submit', class: 'primary' }, 'Sign in');
  const form = el(
    'form',
    {
      onsubmit: (event) => {
        event.preventDefault();
        void send();
      },
    },
    field('Admin key', key, 'It is checked once and not kept in this browser.'),
    wrong,
    go,
  );
  fill(
    app,
    el(
      'main',
      { id: 'main', class: 'sign-in', tabindex: -1 },
      el(
        'div',
        { class: 'sign-in-card' },
        el(
          'div',
          { class: 'brand' },
          el('img', { src: '/assets/icon.svg', alt: '' }),
          el('div', {}, 'mem-agent', el('small', {}, 'Operator')),
        ),
        el('div', {}, el('h1', {}, 'Sign in'), words !== '' && el('p', { class: 'muted', role: 'status' }, words)),
        form,
        el(
          'p',
          { class: 'muted small' },
          'On the machine itself no key is needed: ',
          el('code', {}, 'mem-agent dashboard'),
          ' prints a link that signs you in once.',
        ),
      ),
    ),
  );
  key.focus();

  async function send() {
    go.disabled = true;
    wrong.replaceChildren();
    const value = key.value;
    key.value = '';
    try {
      enter(await signIn({ key: value }));
    } catch (problem) {
      fill(wrong, failure(problem));
      key.focus();
    } finally {
      go.disabled = false;
    }
  }
}
