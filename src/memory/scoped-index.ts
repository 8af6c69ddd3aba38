// The stored index as a caller sees it whose paths are restricted: as if the other notes had never been indexed, so that neither hits
// nor their order tell of them.

import type { NoteIndex } from './note-index.ts';
import type { PathScope } from './path-scope.ts';

/** What search needs of an index. */
export type SearchableIndex = Pick<NoteIndex, 'count' | 'maxId' | 'candidates' | 'forward' | 'note' | 'named'>;

const GROWTH = 4;

export function createScopedIndex(index: NoteIndex, scope: PathScope): SearchableIndex {
  const isSeen = (id: number): boolean => {
    const note = index.note(id);
    return note !== undefined && scope.mayRead(note.path);
  };
  return {
    get count() {
      return scope.readable === null ? index.count : index.countIn(scope.readable);
    },
    maxId: () => index.maxId(),
    candidates(match, limit) {
      for (let asked = limit * GROWTH; ; asked *= GROWTH) {
        const ids = index.candidates(match, asked);
        const seen = ids.filter(isSeen);
        if (seen.length >= limit || ids.length < asked) return seen.slice(0, limit);
      }
    },
    forward: (ids) => index.forward(ids),
    note: (id) => (isSeen(id) ? index.note(id) : undefined),
    named: (key) => index.named(key).filter((path) => scope.mayRead(path)),
  };
}
