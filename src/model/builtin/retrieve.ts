// Answers a question from the notes, or says what is missing, or what the filter withholds. One move a turn.
import { ambiguityText, answerText, contradictionText, missingText, summaryText } from './answer-text.ts';
import { explore, firstCalls, type Explored } from './explore.ts';
import type { FilterRules } from './filter-rules.ts';
import { linkedNotes, type Candidate } from './find-answer.ts';
import { callAll, reply, type Move, type PlannedCall } from './move.ts';
import type { NoteView } from './note-facts.ts';
import { formStrength, type Concept, type Question } from './question-concepts.ts';
import { ruleAnswer } from './threshold-rules.ts';
import { hitsSeen, type Transcript } from './transcript.ts';
import { phraseAt, wordsOf } from './words.ts';

const TIE = 0.09;
const SAME_TOPIC = 0.75;
const MAX_LISTED = 10;
/** Enough to show that notes disagree; each more is compared with all the others. */
const MAX_VERSIONS = 4;
const ABOUT =
  /\b(tell me about|who is|who s|who was|what do you know|what is known|summari[sz]e|describe|everything about|wer ist|was weisst du|qui est|quien es|kim|kto to|chi e|quem e|parle moi|erzahl|opowiedz|o que sabe)\b/;
const COUNT = /\b(how many|wie viele|combien|cuant[oa]s|ile|kac|quant[ie]|quant[oa]s)\b/;

export function retrieve(question: Question, transcript: Transcript, rules: FilterRules): Move {
  if (transcript.turns === 0) return callAll('Look at user.md and search for what is asked.', firstCalls(question));
  const explored = explore(question, transcript);
  if (explored.next.length > 0) return callAll('Read the notes that may hold the answer.', explored.next);
  const doubleCheck = checkElsewhere(question, explored, transcript);
  if (doubleCheck.length > 0) return callAll('See whether other notes agree.', doubleCheck);
  const refusal = refuse(rules);
  if (!rules.isEmpty && rules.asksForBlocked(question.concepts)) return refusal;
  const answer = compose(question, explored, rules);
  if (answer === null || rules.shows(answer)) return refusal;
  return reply('The notes are read; answer from them.', answer);
}

const refuse = (rules: FilterRules): Move =>
  reply(
    'The filter forbids this.',
    `I may not share that: the filter of this request withholds ${rules.topics.length === 0 ? 'it' : `information on ${rules.topics.join(', ')}`}. Is there something else I can help with?`,
  );

/** null when every answer is withheld. */
function compose(question: Question, { notes, candidates }: Explored, rules: FilterRules): string | null {
  const isOpen = ({ fact, note }: Candidate): boolean => !rules.isBlocked(fact, note);
  const rule = ruleAnswer(
    question,
    candidates.filter((candidate) => !rules.isBlocked(candidate.fact, candidate.note)),
  );
  if (rule !== null) return rule;
  const accepted = candidates.filter((candidate) => candidate.isAccepted);
  const [best] = accepted;
  const titled = titledNote(question, notes);
  if (titled !== undefined && (best === undefined || isAboutNote(question, best, notes, titled))) {
    const facts = titled.facts.filter((fact) => !rules.isBlocked(fact, titled));
    if (facts.length === 0 && titled.facts.length > 0) return null;
    if (facts.length > 0) return summaryText(titled, facts);
  }
  if (best === undefined) return missingText(question, candidates[0], notes);
  const versions = contradictions(question, best, accepted, notes);
  if (versions.length > 1) {
    if (!versions.every(isOpen)) return null;
    const label = mainLabel(question);
    const isSame = new Set(versions.map(({ note }) => note.title)).size === 1 || sharesSubject(question, versions);
    return isSame ? contradictionText(label, versions) : ambiguityText(label, versions);
  }
  const picked = accepted
    .filter(
      (candidate) =>
        candidate.score >= best.score - TIE && (candidate.note === best.note || candidate.isKeyed === best.isKeyed),
    )
    .slice(0, MAX_LISTED);
  if (!picked.every(isOpen) || picked.some(({ hops }) => hops.some((hop) => isSecretHop(rules, hop, notes))))
    return null;
  const text = answerText(picked.map((candidate) => withLinkedTitle(candidate, notes)));
  return withCount(question, picked, text);
}

const isSecretHop = (rules: FilterRules, hop: Candidate['fact'], notes: ReadonlyMap<string, NoteView>): boolean =>
  rules.isBlocked(hop, notes.get(hop.path));

/** One more search, by the name that was found on the way: another note may say something else. */
function checkElsewhere(question: Question, { candidates, notes }: Explored, transcript: Transcript): PlannedCall[] {
  const best = candidates.find((candidate) => candidate.isAccepted);
  const concept = best === undefined ? undefined : singleTarget(question, best);
  if (best === undefined || concept === undefined || best.note.path === 'user.md' || transcript.turns > 10) return [];
  const query = `${best.note.title} ${concept.label}`;
  const search = transcript.steps.find(({ call }) => call.variable === 'elsewhere');
  if (search === undefined) return [{ name: 'search_memory', args: [query, 5], variable: 'elsewhere' }];
  const isRead = transcript.steps.some(({ call }) => call.variable.startsWith('other_'));
  if (isRead) return [];
  const paths = hitsSeen([search])
    .map((hit) => hit.path)
    .filter((path) => !notes.has(path));
  return paths.slice(0, 4).map((path, at) => ({ name: 'read_file', args: [path], variable: `other_${at}` }));
}

const mainLabel = (question: Question): string =>
  question.concepts.filter((concept) => concept.kind === 'predicate').at(-1)?.label ??
  question.concepts.at(-1)?.label ??
  'answer';

/** A note whose title is what the question is about. */
function titledNote(question: Question, notes: ReadonlyMap<string, NoteView>): NoteView | undefined {
  if (question.concepts.length === 0) return undefined;
  const fits = [...notes.values()].filter(
    (note) =>
      note.path !== 'user.md' && question.concepts.every((concept) => formStrength(concept, note.titleWords) > 0.9),
  );
  return fits.sort((a, b) => a.titleWords.length - b.titleWords.length)[0];
}

function isAboutNote(
  question: Question,
  best: Candidate,
  notes: ReadonlyMap<string, NoteView>,
  titled: NoteView,
): boolean {
  if (best.note === titled && question.concepts.some((concept) => concept.kind === 'predicate') && best.isKeyed)
    return false;
  if (!question.concepts.some((concept) => concept.kind === 'predicate'))
    return (
      ABOUT.test(wordsOf(question.text).join(' ')) || !best.isKeyed || linkedNotes(notes, best.fact).includes(titled)
    );
  return !best.isKeyed || linkedNotes(notes, best.fact).includes(titled);
}

/** Where the question asks for a thing that has one value at a time: that concept. */
function singleTarget(question: Question, best: Candidate): Concept | undefined {
  if (!best.isKeyed) return undefined;
  return question.concepts.find(
    (concept) =>
      concept.predicates.some((predicate) => predicate.isSingle) && formStrength(concept, best.fact.words.key) > 0.9,
  );
}

/** Different values for a thing that has one value at a time, in notes that speak of the same subject. */
function contradictions(
  question: Question,
  best: Candidate,
  accepted: readonly Candidate[],
  notes: ReadonlyMap<string, NoteView>,
): Candidate[] {
  const concept = singleTarget(question, best);
  if (concept === undefined) return [];
  const versions: Candidate[] = [best];
  const add = (candidate: Candidate): void => {
    if (versions.length >= MAX_VERSIONS) return;
    if (!versions.some((known) => sameValue(known.fact.value, candidate.fact.value))) versions.push(candidate);
  };
  for (const candidate of accepted) {
    const isSame = candidate.fact.words.context.join() === best.fact.words.context.join();
    if (isSame && candidate.score >= best.score - SAME_TOPIC && formStrength(concept, candidate.fact.words.key) > 0.9)
      add(candidate);
  }
  // Elsewhere: a row or a bullet of a list that names the subject in full.
  if (best.fact.kind === 'pair' && best.fact.context.length === 0 && best.note.path !== 'user.md') {
    const title = wordsOf(best.note.title);
    for (const note of notes.values()) {
      for (const fact of note === best.note || title.length < 2 ? [] : note.facts) {
        if (
          formStrength(concept, fact.words.key) > 0.9 &&
          fact.value !== '' &&
          phraseAt(fact.words.context, title) >= 0
        )
          add({ ...best, note, fact, hops: [] });
      }
    }
  }
  return versions;
}

function sameValue(a: string, b: string): boolean {
  const [left, right] = [wordsOf(a).join(' '), wordsOf(b).join(' ')];
  return left.includes(right) || right.includes(left);
}

/** Both notes speak of the one subject that was asked about by its full name, or of the owner. */
function sharesSubject(question: Question, versions: readonly Candidate[]): boolean {
  const names = question.concepts.filter((concept) => concept.kind !== 'predicate');
  if (names.length === 0) return true;
  return versions.some(({ note }) => names.every((name) => formStrength(name, note.titleWords) > 0.5)) &&
    names.length > 1
    ? true
    : versions.every(({ note }) => note.path === versions[0]?.note.path);
}

/** `- wife: [[entities/lena.md]]`: the note's own title says it better than the file name. */
function withLinkedTitle(candidate: Candidate, notes: ReadonlyMap<string, NoteView>): Candidate {
  const { fact } = candidate;
  const [linked] = linkedNotes(notes, fact);
  if (linked === undefined || !/^\[\[[^\]|]*\]\]$/.test(fact.rawValue)) return candidate;
  return { ...candidate, fact: { ...fact, value: linked.title } };
}

function withCount(question: Question, picked: readonly Candidate[], text: string): string {
  if (!COUNT.test(wordsOf(question.text).join(' ')) || picked.some(({ fact }) => /\d/.test(fact.value))) return text;
  const [only] = picked;
  const count =
    picked.length > 1
      ? picked.length
      : (only?.fact.value.split(/;|,| and /).filter((part) => part.trim() !== '').length ?? 0);
  return `${count}.\n${text}`;
}
