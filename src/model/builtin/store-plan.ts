// Decides where a statement goes: into the fact that is there already, into the note of its subject, into a new entity note
// that user.md links to, or into user.md. Never guesses between two subjects: it asks.
import type { Explored } from './explore.ts';
import { linkedNotes, type Candidate } from './find-answer.ts';
import { said, type Statement } from './intent.ts';
import type { PlannedCall } from './move.ts';
import { addBullet, replaceValue, type NoteEdit } from './note-edit.ts';
import { readNoteView, type Fact, type NoteView } from './note-facts.ts';
import { formStrength, predicateConcept, readQuestion, type Question } from './question-concepts.ts';
import { predicateById } from './predicates.ts';
import { phraseAt, snakeName, wordsOf } from './words.ts';

export type Plan =
  | { kind: 'write'; writes: PlannedCall[] }
  | { kind: 'known'; path: string; text: string }
  | { kind: 'ask'; text: string };

export function planStatement(statement: Statement, question: Question, explored: Explored): Plan {
  if (statement.what === '') return planFreeText(statement, question, explored);
  const home = findHome(statement, explored);
  if (home.kind === 'ask') return home;
  const existing = existingFacts(statement, question, explored, home.note);
  const [main] = existing;
  if (main !== undefined) return planChange(statement, existing, explored);
  const bullet = `- ${keyFor(statement)}: ${statement.value}`;
  if (home.note !== undefined) return planAdd(statement, home.note, bullet);
  return planNewEntity(home.name, bullet, home.relation, explored.notes.get('user.md'));
}

/** The facts that hold the value today; more than one when notes repeat it. */
function existingFacts(
  statement: Statement,
  question: Question,
  explored: Explored,
  home: NoteView | undefined,
): Candidate[] {
  const wanted = wordsOf(statement.attribute).join(' ');
  const accepted = explored.candidates.filter(
    (candidate) =>
      candidate.isAccepted && candidate.isKeyed && (candidate.fact.kind === 'pair' || candidate.fact.kind === 'cell'),
  );
  const inHome = home === undefined ? accepted : accepted.filter(({ note }) => note === home);
  const exact = inHome.filter(({ fact }) => fact.words.key.join(' ') === wanted && fact.context.length === 0);
  const [best] = exact.length > 0 ? exact : inHome.filter((candidate) => isSameThing(statement, question, candidate));
  if (best === undefined) return [];
  const same = accepted.filter(
    (candidate) =>
      candidate !== best &&
      candidate.fact.value === best.fact.value &&
      candidate.fact.value !== '' &&
      candidate.score >= best.score - 0.8 &&
      isSameThing(statement, question, candidate),
  );
  return [best, ...same];
}

/** `dose` is not `allergy`: a value may only be overwritten where the key means the attribute itself. */
function isSameThing(statement: Statement, question: Question, { fact }: Candidate): boolean {
  if (statement.isMove) {
    const places = ['city', 'address', 'home', 'location', 'headquarters'].flatMap((id) => predicateById(id) ?? []);
    return formStrength(predicateConcept(places, false, 'city'), fact.words.key) > 0.9;
  }
  const asked = readQuestion(`my ${statement.attribute}`).concepts;
  if (asked.length === 0) return false;
  const uncovered = fact.words.key.filter(
    (word) =>
      !asked.some((concept) =>
        concept.forms.some(({ phrase }) => phraseAt([word], phrase) >= 0 || phrase.includes(word)),
      ),
  );
  return (
    uncovered.length === 0 &&
    asked.every((concept) => formStrength(concept, fact.words.key) > 0.9 || question.concepts.length === 0)
  );
}

function planChange(statement: Statement, existing: readonly Candidate[], explored: Explored): Plan {
  const [best] = existing;
  if (best === undefined) return { kind: 'ask', text: 'Which fact do you mean?' };
  const { fact } = best;
  if (wordsOf(fact.value).join(' ') === wordsOf(statement.value).join(' ') && fact.value.includes(statement.value))
    return {
      kind: 'known',
      path: fact.path,
      text: `That is in your notes already: ${said(statement)} (${fact.path}).`,
    };
  const isMany = !statement.isChange && isPlural(statement) && fact.value !== '';
  if (isMany && phraseAt(wordsOf(fact.value), wordsOf(statement.value)) >= 0)
    return {
      kind: 'known',
      path: fact.path,
      text: `That is in your notes already: ${said(statement)} (${fact.path}).`,
    };
  const edits: NoteEdit[] = [];
  for (const candidate of isMany ? existing.slice(0, 1) : existing) {
    const value = isMany ? addedTo(candidate.fact, statement.value) : newValue(candidate.fact, statement, explored);
    const edit = isNested(candidate.fact)
      ? addUnder(candidate.note, candidate.fact, statement)
      : replaceValue(candidate.note, candidate.fact, value);
    if (edit !== null && !edits.some((known) => known.path === edit.path)) edits.push(edit);
  }
  if (edits.length === 0)
    return { kind: 'ask', text: `I could not find a safe place to change in ${fact.path}. Which line should it be?` };
  return { kind: 'write', writes: edits.map(asUpdate) };
}

const isNested = (fact: Fact): boolean => fact.rawValue === '' && fact.value !== '';
const isPlural = (statement: Statement): boolean =>
  readQuestion(`my ${statement.attribute}`).concepts.some(
    (concept) => concept.predicates.length > 0 && concept.predicates.every((predicate) => !predicate.isSingle),
  ) || /^(likes|dislikes|preference)$/.test(statement.attribute);
const addedTo = (fact: Fact, value: string): string =>
  `${fact.rawValue}${fact.rawValue.includes(';') ? '; ' : ', '}${value}`;

function newValue(fact: Fact, statement: Statement, explored: Explored): string {
  if (statement.oldValue !== '' && fact.rawValue.includes(statement.oldValue))
    return fact.rawValue.replace(statement.oldValue, () => statement.value);
  // A link stays a link when the new value has a note, too.
  if (!/^\[\[[^\]]*\]\]$/.test(fact.rawValue)) return statement.value;
  const note = [...explored.notes.values()].find(
    (view) => view.path !== 'user.md' && view.title.toLowerCase() === statement.value.toLowerCase(),
  );
  return note === undefined ? statement.value : `[[${note.path}|${note.title}]]`;
}

function addUnder(note: NoteView, fact: Fact, statement: Statement): NoteEdit | null {
  const line = note.lines[fact.line] ?? '';
  const indent = /^\s*/.exec(line)?.[0] ?? '';
  const isFilled = note.facts.some((other) => other.context.at(-1) === fact.key);
  return isFilled
    ? replaceValue(
        note,
        { ...fact, valueStart: -1 },
        `\n${indent}  - ${statement.value}`.trimStart() === '' ? '' : `\n${indent}  - ${statement.value}`,
      )
    : null;
}

type Home =
  | { kind: 'home'; note: NoteView | undefined; name: string; relation: Fact | undefined }
  | { kind: 'ask'; text: string };

/** The note of the subject; without one, the name a new note gets. */
function findHome(statement: Statement, explored: Explored): Home {
  const user = explored.notes.get('user.md');
  if (statement.subject === '')
    return { kind: 'home', note: user ?? readNoteView('user.md', ''), name: 'user', relation: undefined };
  const question = readQuestion(statement.subject);
  const isRelation = question.isSelf && question.concepts.some((concept) => concept.kind === 'predicate');
  if (isRelation && user !== undefined) {
    const names = question.concepts;
    const relation = user.facts.find((fact) =>
      names.every((concept) => formStrength(concept, [...fact.words.key, ...fact.words.value], true) > 0.7),
    );
    const [linked] = relation === undefined ? [] : linkedNotes(explored.notes, relation);
    if (linked !== undefined) return { kind: 'home', note: linked, name: linked.title, relation: undefined };
    if (
      relation !== undefined &&
      relation.links.length === 0 &&
      relation.kind === 'pair' &&
      relation.value.split(' ').length <= 4
    )
      return { kind: 'home', note: undefined, name: relation.value, relation };
    return {
      kind: 'ask',
      text: `I do not know who your ${statement.subject.replace(/^\S+\s+/, '')} is. What is the name?`,
    };
  }
  const words = wordsOf(statement.subject.replace(/^(the|der|die|das|le|la|el|il|o|a)\s+/i, ''));
  const fits = [...explored.notes.values()].filter(
    (note) => note.path !== 'user.md' && phraseAt(note.titleWords, words) >= 0,
  );
  const exact = fits.filter((note) => wordsOf(note.title).join(' ') === words.join(' '));
  const chosen = exact.length > 0 ? exact : people(fits);
  if (chosen.length > 1)
    return {
      kind: 'ask',
      text: `More than one note fits ${statement.subject}: ${chosen.map((note) => `${note.title} (${note.path})`).join('; ')}. Which one do you mean?`,
    };
  return { kind: 'home', note: chosen[0], name: statement.subject, relation: undefined };
}

/** Notes of things themselves go before notes about them. */
function people(notes: readonly NoteView[]): NoteView[] {
  const entities = notes.filter(
    (note) => note.path.startsWith('entities/') || /\/(profile|overview|index)\.md$/.test(note.path),
  );
  return entities.length > 0 ? entities : [...notes];
}

function keyFor(statement: Statement): string {
  return wordsOf(statement.attribute.replace(/\s+now$/i, '')).join('_') || 'note';
}

function planAdd(statement: Statement, note: NoteView, bullet: string): Plan {
  if (note.text.trim() === '')
    return {
      kind: 'write',
      writes: [
        { name: 'create_file', args: [note.path, `# ${note.path === 'user.md' ? 'User' : note.title}\n\n${bullet}\n`] },
      ],
    };
  const edit = addBullet(note, bullet);
  return edit === null
    ? { kind: 'ask', text: `I could not find a place for that in ${note.path}. Where should "${said(statement)}" go?` }
    : { kind: 'write', writes: [asUpdate(edit)] };
}

function planNewEntity(name: string, bullet: string, relation: Fact | undefined, user: NoteView | undefined): Plan {
  const title = name.trim();
  const path = `entities/${snakeName(title)}.md`;
  const link = `[[${path}|${title.replace(/[[\]|]/g, '')}]]`;
  const writes: PlannedCall[] = [{ name: 'create_file', args: [path, `# ${title}\n\n${bullet}\n`] }];
  if (user === undefined || user.text.trim() === '')
    writes.push({ name: 'create_file', args: ['user.md', `# User\n\n## People and things\n\n- ${link}\n`] });
  else {
    const edit =
      relation === undefined ? addBullet(user, `- ${link}`, 'People and things') : replaceValue(user, relation, link);
    if (edit !== null) writes.push(asUpdate(edit));
  }
  return { kind: 'write', writes };
}

function planFreeText(statement: Statement, question: Question, explored: Explored): Plan {
  const text = statement.sentence.replace(/\s+/g, ' ');
  const held = [...explored.notes.values()].find((note) => note.text.includes(text));
  if (held !== undefined)
    return { kind: 'known', path: held.path, text: `That is in your notes already (${held.path}).` };
  const about = [...explored.notes.values()]
    .filter((note) => note.path !== 'user.md')
    .map((note) => ({
      note,
      score:
        question.concepts.filter(
          (concept) => concept.kind !== 'predicate' && formStrength(concept, wordsOf(note.title)) > 0.9,
        ).length / Math.max(1, wordsOf(note.title).length),
    }))
    .filter(({ score }) => score >= 0.5)
    .sort((a, b) => b.score - a.score);
  const note = about[0]?.note ?? explored.notes.get('user.md');
  if (note === undefined || note.text.trim() === '')
    return { kind: 'write', writes: [{ name: 'create_file', args: ['user.md', `# User\n\n## Notes\n\n- ${text}\n`] }] };
  const edit = addBullet(note, `- ${text}`, 'Notes');
  return edit === null
    ? { kind: 'ask', text: `Where should I note "${text}"?` }
    : { kind: 'write', writes: [asUpdate(edit)] };
}

const asUpdate = (edit: NoteEdit): PlannedCall => ({
  name: 'update_file',
  args: [edit.path, edit.oldText, edit.newText],
});
