// Starts the page: the colours, then the one-time link if there is one, then the sign-in or the views.
import { forgetSession, session, signIn, whoAmI } from './api.mjs';
import { closeDialogs } from './dialog.mjs';
import { showShell } from './shell.mjs';
import { showSignIn } from './sign-in.mjs';
import { startTheme } from './theme.mjs';

/** @type {AbortController | undefined} */
let open;

/** @param {import('./api.mjs').Person} person */
function enter(person) {
  open?.abort();
  open = new AbortController();
  showShell(person, open.signal, () => leave('You are signed out.'));
}

/** @param {string} words */
function leave(words) {
  open?.abort();
  open = undefined;
  closeDialogs();
  forgetSession();
  showSignIn(enter, { words });
}

/** The secret of a one-time link, taken out of the address and the history before anything else. */
function takeLink() {
  const link = /^#link=([\w-]+)$/.exec(location.hash)?.[1];
  if (link !== undefined) history.replaceState(null, '', '/');
  return link;
}

async function start() {
  const link = takeLink();
  if (link !== undefined) return enter(await signIn({ link }));
  const person = await whoAmI();
  if (person === undefined) showSignIn(enter);
  else enter(person);
}

startTheme();
session.addEventListener('signed-out', () => leave('Your session has ended. Sign in again.'));
// A link that is opened in a page that is already there only changes the address.
window.addEventListener('hashchange', () => {
  if (location.hash.startsWith('#link=')) void begin();
});

async function begin() {
  try {
    await start();
  } catch (error) {
    showSignIn(enter, { error });
  }
}
await begin();
