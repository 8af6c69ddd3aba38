// Figures and times as people read them. Times are shown in the reader's zone, with the exact one in the tooltip.
import { el } from './dom.mjs';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });
const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayTime = new Intl.DateTimeFormat('en-GB', {
  day: '2-digit',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});

const TICK_MS = 1000;

/** @param {number} value */
export const number = (value) => (value >= 100_000 ? compact.format(value) : whole.format(value));

/** @param {number} usd */
export const money = (usd) => `$${usd.toFixed(usd !== 0 && usd < 0.01 ? 4 : 2)}`;

/** @param {number} sizeBytes */
export function bytes(sizeBytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = sizeBytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(sizeBytes) / 10));
  const value = sizeBytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** @param {number} durationMs */
export function duration(durationMs) {
  if (durationMs < 1000) return `${Math.round(durationMs)} ms`;
  const seconds = durationMs / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** @param {string} iso */
export const clock = (iso) => clockTime.format(new Date(iso));

/** @param {string} iso */
export const dateTime = (iso) => dayTime.format(new Date(iso));

/**
 * `4 min ago`, the exact time in the tooltip; a word of your choice for no time at all.
 * @param {string | null | undefined} iso
 * @param {string} [never]
 */
export function ago(iso, never = 'never') {
  if (iso === null || iso === undefined) return el('span', { class: 'muted' }, never);
  return el('time', { datetime: iso, title: dateTime(iso), class: 'ago' }, agoWords(iso));
}

/** @param {string} iso */
function agoWords(iso) {
  const passedMs = Date.now() - Date.parse(iso);
  if (Math.abs(passedMs) < 5000) return 'just now';
  return passedMs > 0 ? `${duration(passedMs)} ago` : `in ${duration(-passedMs)}`;
}

/**
 * How long ago it was goes on while nothing else on the page changes.
 * @param {AbortSignal} signal
 */
export function keepTimes(signal) {
  const timer = setInterval(() => {
    for (const time of document.querySelectorAll('time.ago')) {
      const words = agoWords(time.getAttribute('datetime') ?? '');
      if (time.textContent !== words) time.textContent = words;
    }
  }, TICK_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
}

/** @param {string} iso */
export const exactTime = (iso) => el('time', { datetime: iso, title: iso, class: 'nowrap' }, dateTime(iso));
