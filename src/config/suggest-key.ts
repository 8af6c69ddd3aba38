// Finds the known name nearest to a mistyped one (Damerau-Levenshtein: insert, delete, replace, swap of neighbours).

/** The number of edits between two names. */
export function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const same = from[i - 1] === to[j - 1];
      let best = Math.min(at(previous, j) + 1, at(current, j - 1) + 1, at(previous, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        best = Math.min(best, at(beforePrevious, j - 2) + 1);
      }
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, to.length);
}

/**
 * The known name with the fewest edits. A name whose last part is right but whose section is missing or wrong
 * (`max_body_bytes`, `server.max_body_bytes`) finds its key first.
 */
export function nearestName(name: string, known: readonly string[]): string {
  const wanted = name.toLowerCase();
  const lastPart = wanted.slice(wanted.lastIndexOf('.') + 1);
  const sameEnd = known.filter((candidate) => candidate.endsWith(`.${lastPart}`));
  const pool = sameEnd.length > 0 ? sameEnd : known;
  let nearest = '';
  let fewest = Infinity;
  for (const candidate of pool) {
    const edits = editDistance(wanted, candidate.toLowerCase());
    if (edits < fewest) {
      fewest = edits;
      nearest = candidate;
    }
  }
  return nearest;
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
