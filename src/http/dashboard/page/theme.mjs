// Light or dark: as the system says, until the switch says otherwise; the choice is kept in this browser.
import { el, fill, icon } from './dom.mjs';

const PLACE = 'mem-agent-theme';
const systemDark = matchMedia('(prefers-color-scheme: dark)');

/** Dispatches `change` when the colours have changed. */
export const theme = new EventTarget();

export function isDark() {
  return document.documentElement.dataset['theme'] === 'dark';
}

function apply() {
  const chosen = localStorage.getItem(PLACE);
  document.documentElement.dataset['theme'] = chosen ?? (systemDark.matches ? 'dark' : 'light');
  theme.dispatchEvent(new Event('change'));
}

export function startTheme() {
  systemDark.addEventListener('change', apply);
  apply();
}

export function themeSwitch() {
  const button = el('button', {
    type: 'button',
    class: 'icon-only',
    onclick: () => {
      localStorage.setItem(PLACE, isDark() ? 'light' : 'dark');
      apply();
      show();
    },
  });
  const show = () => {
    const next = isDark() ? 'light' : 'dark';
    button.setAttribute('aria-label', `Switch to ${next} colours`);
    button.setAttribute('title', `Switch to ${next} colours`);
    fill(button, icon(isDark() ? 'sun' : 'moon'));
  };
  show();
  return button;
}
