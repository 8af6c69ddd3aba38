// Finds the facts that answer a question: a walk from a note that the question names (or user.md for "my …") over links,
// scored by how much of the question it covers. What leaves a required concept uncovered is not an answer.
import type { Fact, NoteView } from './note-facts.ts';
import { pathsToTry } from './note-links.ts';
import { phraseAt, wordsOf } from './words.ts';
import { FOUND_BEHIND, predicateById, THINGS } from './predicates.ts';
import { formStrength, predicateConcept, type Concept, type Question } from './question-concepts.ts';

export interface Candidate {
  note: NoteView;
  fact: Fact;
  /** The facts whose links led here, first to last. */
  hops: Fact[];
  /** Best strength for each concept of the question. */
  cover: number[];
  score: number;
  /** The concept that the fact itself answers, by its key. */
  isKeyed: boolean;
  isAccepted: boolean;
}

const MAX_HOPS = 3;
const HOP_COST = 0.2;
const KEY_ENOUGH = 0.3;

interface Ground {
  question: Question;
  notes: ReadonlyMap<string, NoteView>;
  titles: Map<string, number[]>;
  /** Things that stand as facts in the note: a weak sign that the question means this note. */
  things: Map<string, number[]>;
  facts: Map<Fact, { own: number[]; asHop: number[]; key: number[]; inverse: boolean }>;
}

export function findCandidates(question: Question, notes: ReadonlyMap<string, NoteView>): Candidate[] {
  const ground: Ground = { question, notes, titles: new Map(), things: new Map(), facts: new Map() };
  for (const note of notes.values()) {
    ground.titles.set(
      note.path,
      question.concepts.map((concept) => titleStrength(concept, note)),
    );
    ground.things.set(
      note.path,
      question.concepts.map((concept) => thingStrength(concept, note)),
    );
    for (const fact of note.facts) ground.facts.set(fact, weighFact(question, fact));
  }
  const best = new Map<Fact, Candidate>();
  for (const note of notes.values()) {
    const cover = ground.titles.get(note.path) ?? [];
    const isSelf = note.path === 'user.md' || isOwners(note, notes);
    const isNamed = question.concepts.some((concept, at) => concept.kind !== 'predicate' && (cover[at] ?? 0) > 0.5);
    walk(
      ground,
      {
        note,
        hops: [],
        cover,
        isSelf,
        isAnchor: isNamed || (question.isSelf && (isSelf || isHubNote(note, notes))),
        seen: [note.path],
      },
      best,
    );
  }
  return [...best.values()].sort((a, b) => b.score - a.score);
}

/** `Erik's medication` is the owner's own note. */
function isOwners(note: NoteView, notes: ReadonlyMap<string, NoteView>): boolean {
  const [name] = wordsOf(notes.get('user.md')?.title ?? '');
  return name !== undefined && name !== 'user' && !note.path.startsWith('entities/') && wordsOf(note.title)[0] === name;
}

/** Listed in user.md without a relation in front: `- [[home/house.md|Our house]]`. */
function isHubNote(note: NoteView, notes: ReadonlyMap<string, NoteView>): boolean {
  const facts = notes.get('user.md')?.facts ?? [];
  return (
    !note.path.startsWith('entities/') && facts.some((fact) => fact.kind === 'bullet' && fact.links.includes(note.path))
  );
}

interface Place {
  note: NoteView;
  hops: Fact[];
  cover: number[];
  isSelf: boolean;
  /** The walk began at a note that the question names, or at the owner. */
  isAnchor: boolean;
  seen: string[];
}

function walk(ground: Ground, place: Place, best: Map<Fact, Candidate>): void {
  for (const fact of place.note.facts) {
    const weights = ground.facts.get(fact);
    if (weights === undefined) continue;
    keepBest(best, judge(ground, place, fact, weights));
    if (place.hops.length >= MAX_HOPS || fact.links.length === 0) continue;
    for (const next of linkedNotes(ground.notes, fact)) {
      if (place.seen.includes(next.path)) continue;
      const titles = ground.titles.get(next.path) ?? [];
      // A hop must say something about the question, or the walk visits everything.
      if (!weights.asHop.some((value) => value > 0) && !titles.some((value) => value > 0)) continue;
      const cover = maxOf(maxOf(place.cover, weights.asHop), titles);
      walk(
        ground,
        { ...place, note: next, hops: [...place.hops, fact], cover, seen: [...place.seen, next.path] },
        best,
      );
    }
  }
}

export function linkedNotes(notes: ReadonlyMap<string, NoteView>, fact: Fact): NoteView[] {
  const found: NoteView[] = [];
  for (const target of fact.links) {
    const note = pathsToTry(target, fact.path)
      .map((path) => notes.get(path))
      .find((view) => view !== undefined);
    if (note !== undefined) found.push(note);
  }
  return found;
}

function keepBest(best: Map<Fact, Candidate>, candidate: Candidate | null): void {
  if (candidate === null) return;
  const known = best.get(candidate.fact);
  const isBetter =
    known === undefined ||
    (candidate.isAccepted !== known.isAccepted ? candidate.isAccepted : candidate.score > known.score);
  if (isBetter) best.set(candidate.fact, candidate);
}

function judge(
  { question, things }: Ground,
  place: Place,
  fact: Fact,
  weights: { own: number[]; key: number[]; inverse: boolean },
): Candidate | null {
  if (fact.value === '') return null;
  // A fact that says nothing about the question itself is the note's business, not the answer.
  if (!weights.own.some((value) => value >= KEY_ENOUGH)) return null;
  const cover = maxOf(maxOf(place.cover, weights.own), things.get(place.note.path) ?? []);
  const { concepts } = question;
  // A title the walk went through is spent: the last fact must answer something that the way there did not.
  const adds = weights.own.some(
    (value, at) => value >= KEY_ENOUGH && (value > (place.cover[at] ?? 0) || weights.key[at] === value),
  );
  const isKeyed = weights.key.some((value, at) => value > 0.5 && concepts[at]?.kind !== 'name');
  const titled = place.cover.some((value, at) => value > 0.5 && concepts[at]?.kind !== 'term');
  // A word of its own (`spare key`) may be found anywhere; a usual one (`phone`) must be the owner's.
  const words = weights.key.filter((_, at) => concepts[at]?.kind === 'term');
  const isOwnWord = words.length > 0 && words.every((value) => value >= 0.85);
  const isLoose = fact.kind === 'bullet' || fact.kind === 'sentence';
  const isOwnText = isLoose && !fact.path.startsWith('entities/') && weights.own.every((value) => value >= 0.5);
  const isNamedHere = weights.own.some((value, at) => value >= 0.7 && concepts[at]?.kind === 'name');
  const needsSelf = question.isSelf && !isNamedHere && !place.isSelf && !titled && !isOwnWord && !isOwnText;
  let score = -HOP_COST * place.hops.length + (place.isSelf && question.isSelf ? 0.6 : 0) + (isKeyed ? 0.3 : 0);
  concepts.forEach((concept, at) => (score += concept.weight * ((cover[at] ?? 0) + 0.12 * (weights.own[at] ?? 0))));
  const isInverse = weights.inverse && !concepts.some((c, at) => c.kind === 'name' && (place.cover[at] ?? 0) > 0.5);
  if (isInverse) score -= 1;
  const hasOthers = concepts.some((concept) => concept.kind !== 'predicate');
  // Over links only from what was asked about; else a relation would be read in the wrong direction.
  const isAnchored = place.hops.length === 0 || place.isAnchor || (!hasOthers && !question.isSelf);
  const isAccepted =
    adds && !needsSelf && isAnchored && isCovered(question, cover, place) && (!isInverse || readsBackwards(question));
  return { note: place.note, fact, hops: place.hops, cover, score, isKeyed, isAccepted };
}

function isCovered(question: Question, cover: readonly number[], place: Place): boolean {
  const { concepts } = question;
  if (concepts.some((concept, at) => concept.isRequired && (cover[at] ?? 0) < (concept.kind === 'name' ? 0.4 : 0.33)))
    return false;
  const others = concepts
    .map((concept, at) => ({ concept, value: cover[at] ?? 0 }))
    .filter(({ concept }) => concept.kind !== 'predicate');
  if (others.length === 0) return concepts.length > 0;
  const total = others.reduce((sum, { concept }) => sum + concept.weight, 0);
  const met = others.reduce((sum, { concept, value }) => sum + (value >= 0.3 ? concept.weight : 0), 0);
  const hasPredicate = concepts.some((concept) => concept.kind === 'predicate');
  if (met === 0) return question.isSelf && place.isSelf && hasPredicate && others.length === 1 && total <= 1;
  return met / total >= (hasPredicate ? 0.49 : 0.6);
}

/** "Which clients does Maya own?": the name is the value, not the subject. */
function readsBackwards(question: Question): boolean {
  if (question.concepts.some((concept) => concept.isVerb)) return true;
  return /^\s*(which|whose|list|welche|quel|cual|ktor|hangi|quali)/i.test(question.text);
}

const maxOf = (a: readonly number[], b: readonly number[]): number[] =>
  b.map((value, at) => Math.max(value, a[at] ?? 0));

function thingStrength(concept: Concept, note: NoteView): number {
  if (concept.kind === 'term')
    return note.facts.some((fact) => isThingKey(fact) && formStrength(concept, fact.words.value) > 0.9) ? 0.35 : 0;
  if (!concept.predicates.some(({ id }) => THINGS.has(id))) return 0;
  return note.facts.some((fact) => formStrength(concept, fact.words.key) > 0.9) ? 0.35 : 0;
}

const THING_PREDICATES = [...THINGS].flatMap((id) => predicateById(id) ?? []);
const isThingKey = (fact: Fact): boolean =>
  fact.words.key.length > 0 &&
  THING_PREDICATES.some(({ keys }) => keys.some((phrase) => phraseAt(fact.words.key, phrase) >= 0));

/** Leads on without being an answer: weaker than what counts as covered. */
function behindStrength(concept: Concept, fact: Fact): number {
  const ways = concept.predicates
    .flatMap(({ id }) => FOUND_BEHIND.get(id) ?? [])
    .flatMap((id) => predicateById(id) ?? []);
  return ways.length > 0 && formStrength(predicateConcept(ways, false, ''), fact.words.key) > 0.9 ? 0.2 : 0;
}

function titleStrength(concept: Concept, note: NoteView): number {
  return 0.9 * Math.min(1, formStrength(concept, note.titleWords));
}

const strengths = new WeakMap<Concept, WeakMap<readonly string[], number>>();

/** Facts beside one another share the words around them (the same array): thousands of them must not each cost all of these. */
function sharedStrength(concept: Concept, words: readonly string[]): number {
  const known = strengths.get(concept) ?? new WeakMap<readonly string[], number>();
  strengths.set(concept, known);
  const strength = known.get(words) ?? formStrength(concept, words);
  known.set(words, strength);
  return strength;
}

function weighFact(
  question: Question,
  fact: Fact,
): { own: number[]; asHop: number[]; key: number[]; inverse: boolean } {
  const key: number[] = [];
  const own: number[] = [];
  const asHop: number[] = [];
  let inverse = false;
  for (const concept of question.concepts) {
    const byKey = formStrength(concept, fact.words.key, true);
    const byContext = 0.85 * sharedStrength(concept, fact.words.context);
    const bySection = 0.7 * sharedStrength(concept, fact.words.section);
    const inValue = formStrength(concept, fact.words.value, true);
    const isText = fact.kind === 'sentence' || fact.kind === 'bullet';
    const byValue = inValue * (concept.kind === 'predicate' ? (isText ? 0.6 : 0.4) : isText ? 0.7 : 0.6);
    if (concept.kind === 'name' && byValue > 0 && byKey === 0 && byContext === 0 && fact.kind === 'pair')
      inverse = true;
    key.push(Math.max(byKey, 0));
    own.push(Math.max(byKey, byContext, bySection, byValue));
    // Of several links on a line only the one with the name leads to it; its title will say so.
    const byLink = concept.kind !== 'predicate' && fact.links.length > 1 ? 0 : byValue;
    asHop.push(Math.max(byKey, byContext, bySection, byLink, behindStrength(concept, fact)));
  }
  // The more exactly a key is what was asked, the better: `phone` before `clinic phone`.
  const extra = Math.min(0.12, 0.03 * Math.max(0, fact.words.key.length - 1));
  return {
    own: own.map((value, at) => ((key[at] ?? 0) === value && value > 0 ? value - extra : value)),
    asHop,
    key,
    inverse,
  };
}
