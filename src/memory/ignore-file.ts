// `.mem-agent-ignore` of a memory root: what it names is for nobody here, neither listed, searched, read nor written.
// Guarantees: a change of the file counts from the next look; a file that can't be read or understood closes the root.

import { readFileSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import { parseIgnoreRules, type IgnoreTest } from './ignore-rules.ts';

export const IGNORE_FILE = '.mem-agent-ignore';
const MAX_BYTES = 64 * 1024;

export class IgnoreFile {
  readonly #path: string;
  readonly #onChange: () => void;
  #stamp = 'none';
  #test: IgnoreTest = () => false;

  constructor(directory: string, onChange: () => void) {
    this.#path = join(directory, IGNORE_FILE);
    this.#onChange = onChange;
  }

  /** As the file was at the last look. */
  matches(path: string): boolean {
    return this.#test(path);
  }

  /** Looks whether the file has changed. Throws MEMORY_UNAVAILABLE when nobody can say what it wants hidden. */
  refresh(): void {
    const stats = this.#stat();
    const stamp = stats === undefined ? 'none' : `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`;
    if (stamp === this.#stamp) return;
    this.#test = stats === undefined ? () => false : this.#read(stats);
    this.#stamp = stamp;
    this.#onChange();
  }

  #stat(): Stats | undefined {
    try {
      return statSync(this.#path, { throwIfNoEntry: false });
    } catch (error) {
      throw unreadable(systemErrorCode(error) ?? 'unknown', error);
    }
  }

  #read(stats: Stats): IgnoreTest {
    if (!stats.isFile()) throw unreadable('it is not a file');
    if (stats.size > MAX_BYTES) throw unreadable(`it has more than ${MAX_BYTES} bytes`);
    try {
      return parseIgnoreRules(readFileSync(this.#path, 'utf8'));
    } catch (error) {
      throw unreadable(systemErrorCode(error) ?? 'a line is no pattern', error);
    }
  }
}

function unreadable(why: string, cause?: unknown): AppError {
  return new AppError('MEMORY_UNAVAILABLE', `${IGNORE_FILE} of the memory root cannot be used: ${why}`, {
    hint: 'Correct the file or its permissions, or delete it',
    cause,
  });
}
