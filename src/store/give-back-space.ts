// Makes a database file as small as what is in it, once more than half of it is free. Only for a file that nobody else has open.
import type { Db } from './sqlite.ts';

/** 1 MiB; less is not worth the copy. */
const LEAST_FREE_PAGES = 256;

/** True if the file is smaller now. It copies what is left, so it takes as long as that is big. Throws what SQLite throws. */
export function giveBackSpace(db: Db): boolean {
  const free = Number(db.pragma('freelist_count', { simple: true }));
  const pages = Number(db.pragma('page_count', { simple: true }));
  if (free < LEAST_FREE_PAGES || free * 2 < pages) return false;
  db.exec('VACUUM');
  db.pragma('wal_checkpoint(TRUNCATE)');
  return true;
}
