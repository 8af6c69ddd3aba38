// Hands a file to the reader that was made here from what the page knows; nothing is asked for again.
import { el } from './dom.mjs';

/**
 * @param {string} name
 * @param {string} mediaType
 * @param {string} text
 */
export function download(name, mediaType, text) {
  const url = URL.createObjectURL(new Blob([text], { type: mediaType }));
  const link = el('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
