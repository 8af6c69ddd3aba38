// Which notes to read next for a question: the hits of the search first, then links of facts that speak of it.
import { findCandidates, type Candidate } from './find-answer.ts';
import type { PlannedCall } from './move.ts';
import { readNoteView, type Fact, type NoteView } from './note-facts.ts';
import { pathsToTry } from './note-links.ts';
import { formStrength, type Question } from './question-concepts.ts';
import { hitsSeen, notesRead, wasCalled, type Step, type Transcript } from './transcript.ts';
import { humanName, wordsOf } from './words.ts';

const READS_A_TURN = 8;
const MAX_READ_TURNS = 7;
const SEARCH_LIMIT = 8;
const MAX_QUERY_WORDS = 14;

export interface Explored {
  notes: Map<string, NoteView>;
  candidates: Candidate[];
  /** Empty when there is nothing left that is worth reading. */
  next: PlannedCall[];
}

export function firstCalls(question: Question): PlannedCall[] {
  const calls: PlannedCall[] = [
    { name: 'check_if_file_exists', args: ['user.md'], variable: 'exists' },
    { name: 'read_file', args: ['user.md'], variable: 'user' },
  ];
  for (const query of searchQueries(question)) calls.push({ name: 'search_memory', args: [query, SEARCH_LIMIT] });
  return calls;
}

/** As asked, and with what English notes call it: search knows no synonyms. */
function searchQueries(question: Question): string[] {
  const asked = question.concepts.flatMap((concept) =>
    wordsOf(concept.label === '' ? '' : rawLabel(concept.forms, concept.label)),
  );
  const names = question.concepts
    .filter((concept) => concept.kind !== 'predicate')
    .flatMap((concept) => wordsOf(concept.label));
  const known = question.concepts.flatMap((concept) =>
    concept.predicates.slice(0, 2).flatMap(({ keys }) => keys.slice(0, 3).flat()),
  );
  const queries = [[...new Set(asked)], [...new Set([...names, ...known])], [...new Set(names)]]
    .map((words) => words.slice(0, MAX_QUERY_WORDS).join(' '))
    .filter((query) => query !== '');
  return [...new Set(queries)];
}

function rawLabel(forms: Question['concepts'][number]['forms'], label: string): string {
  return forms.find(({ strength }) => strength > 1)?.phrase.join(' ') ?? label;
}

export function explore(question: Question, transcript: Transcript): Explored {
  const notes = new Map<string, NoteView>();
  for (const [path, text] of notesRead(transcript.steps)) notes.set(path, readNoteView(path, text));
  const candidates = findCandidates(question, notes);
  if (transcript.turns > MAX_READ_TURNS) return { notes, candidates, next: [] };
  const paths: string[] = [];
  const want = (path: string): void => {
    const isNew = !notes.has(path) && !paths.includes(path) && !wasCalled(transcript.steps, 'read_file', path);
    if (isNew && paths.length < READS_A_TURN) paths.push(path);
  };
  const [best] = candidates.filter((candidate) => candidate.isAccepted);
  const isSure = best !== undefined && best.cover.every((value) => value >= 0.55) && transcript.turns >= 2;
  if (transcript.turns <= 1) for (const path of rankedHits(question, transcript.steps).slice(0, 7)) want(path);
  if (!isSure) for (const path of usefulLinks(question, notes, transcript.steps)) want(path);
  if (paths.length === 0 && best === undefined) {
    for (const path of rankedHits(question, transcript.steps)) want(path);
    for (const fact of notes.get('user.md')?.facts ?? [])
      for (const path of openTargets(fact, transcript.steps, notes)) want(path);
  }
  return { notes, candidates, next: paths.map((path) => ({ name: 'read_file', args: [path] })) };
}

/** Best places over all searches; a title that the question names comes first. */
function rankedHits(question: Question, steps: readonly Step[]): string[] {
  const ranks = new Map<string, number>();
  hitsSeen(steps).forEach((hit, position) => {
    const words = wordsOf(`${hit.title} ${humanName(hit.path)}`);
    const named = question.concepts.filter((concept) => formStrength(concept, words) > 0.5).length;
    const rank = (position % SEARCH_LIMIT) - 6 * named;
    ranks.set(hit.path, Math.min(rank, ranks.get(hit.path) ?? Infinity));
  });
  return [...ranks].sort((a, b) => a[1] - b[1]).map(([path]) => path);
}

function usefulLinks(question: Question, notes: ReadonlyMap<string, NoteView>, steps: readonly Step[]): string[] {
  const scored: { path: string; score: number }[] = [];
  for (const note of notes.values()) {
    const isNear =
      note.path === 'user.md'
        ? question.isSelf
        : question.concepts.some((concept) => formStrength(concept, note.titleWords) > 0.5);
    for (const fact of note.facts) {
      if (fact.links.length === 0) continue;
      const words = [...fact.words.key, ...fact.words.value, ...fact.words.context, ...fact.words.section];
      const spoken = question.concepts.filter((concept) => formStrength(concept, words, true) > 0).length;
      const keyed = question.concepts.filter((concept) => formStrength(concept, fact.words.key) > 0).length;
      if (spoken === 0) continue;
      const score = spoken + keyed + (isNear ? 2 : 0);
      for (const path of openTargets(fact, steps, notes)) scored.push({ path, score });
    }
  }
  return scored.sort((a, b) => b.score - a.score).map(({ path }) => path);
}

/** For each link that led nowhere yet, the next place to look. */
function openTargets(fact: Fact, steps: readonly Step[], notes: ReadonlyMap<string, NoteView>): string[] {
  const paths: string[] = [];
  for (const target of fact.links) {
    const places = pathsToTry(target, fact.path);
    if (places.some((path) => notes.has(path))) continue;
    const next = places.find((path) => !wasCalled(steps, 'read_file', path));
    if (next !== undefined) paths.push(next);
  }
  return paths;
}
