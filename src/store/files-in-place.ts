// Whether the database that is open is still the one on the disk: what is written to a file that was deleted, moved away or
// replaced is durable for nobody. Guarantee: no transaction of the group commit is acknowledged while that is so.
import { statSync } from 'node:fs';
import { AppError } from '../lib/app-error.ts';
import type { CommitParticipant } from './group-commit.ts';

export function createFilesInPlace(path: string): CommitParticipant {
  const opened = new Map<string, string>();
  const remember = (): void => {
    for (const file of [path, `${path}-wal`]) {
      const identity = identityOf(file);
      if (identity !== undefined && !opened.has(file)) opened.set(file, identity);
    }
  };
  remember();
  return {
    begin() {
      for (const [file, identity] of opened) {
        if (identityOf(file) === identity) continue;
        throw new AppError('STORE_FAILED', `${file} is not the file that is open any more`, {
          hint: 'Put it back, or stop mem-agent and restore it from a backup',
        });
      }
    },
    save: () => undefined,
    restore: () => undefined,
    // SQLite makes the log beside the database with the first write.
    committed: remember,
  };
}

function identityOf(file: string): string | undefined {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}
