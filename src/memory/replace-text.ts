// `update_file`'s replacement: the first occurrence, literally; an empty search text prepends. Keeps a file's CRLF.

import { AppError } from '../lib/app-error.ts';
import { displayPath } from './note-path.ts';

export function replaceFirst(text: string, oldText: string, newText: string, path: string): string {
  const usesCrlf = text.includes('\r\n') && !/(?:^|[^\r])\n/.test(text);
  const replacement = usesCrlf ? toCrlf(newText) : newText;
  let search = oldText;
  let at = text.indexOf(search);
  // Models write `\n`; in a file of Windows lines that means its own line end.
  if (at < 0 && usesCrlf) {
    search = toCrlf(oldText);
    at = text.indexOf(search);
  }
  if (at < 0) {
    throw new AppError('NO_MATCH', `The text to replace was not found in '${displayPath(path)}'`, {
      hint: 'Read the note and repeat the old text exactly, white space included',
    });
  }
  const result = text.slice(0, at) + replacement + text.slice(at + search.length);
  if (result === text) {
    throw new AppError('NO_CHANGE', `The replacement leaves '${displayPath(path)}' as it is`, {
      hint: 'Give a new text that differs from the old one',
    });
  }
  return result;
}

function toCrlf(text: string): string {
  return text.replaceAll(/\r?\n/g, '\r\n');
}
