// How builtin says things: short, with the value as the note has it, and where it stands. Only the notes' words, no guesses.
import type { Candidate } from './find-answer.ts';
import type { Fact, NoteView } from './note-facts.ts';
import type { Question } from './question-concepts.ts';
import { wordsOf } from './words.ts';

const MAX_SUMMARY_FACTS = 14;
const MAX_VALUE = 1500;

export function readableKey(key: string): string {
  return key.replaceAll('_', ' ').trim();
}

/** `Lena Park, employer`: the subject of a fact as a reader would say it. */
export function subjectOf(note: NoteView, fact: Fact): string {
  const key = readableKey(fact.key);
  const around = fact.kind === 'cell' ? [fact.context[0] ?? ''] : fact.context.map(readableKey);
  const parts = [...around.filter((part) => part !== '' && part !== key), key].filter((part) => part !== '');
  const owner = note.path === 'user.md' ? 'You' : note.title;
  return parts.length === 0 ? owner : `${owner} — ${parts.join(', ')}`;
}

export function factSentence(note: NoteView, whole: Fact): string {
  const fact =
    whole.value.length > MAX_VALUE
      ? { ...whole, value: `${whole.value.slice(0, MAX_VALUE)} … (shortened, the rest is in the note)` }
      : whole;
  if (fact.kind === 'sentence') return fact.value;
  if (fact.kind === 'bullet') {
    const under = [...fact.context.map(readableKey), ...(fact.context.length === 0 ? fact.section.slice(-1) : [])];
    return `${note.path === 'user.md' ? 'You' : note.title}${under.length > 0 ? ` — ${under.join(', ')}` : ''}: ${fact.value}`;
  }
  return `${subjectOf(note, fact)}: ${fact.value}`;
}

export function answerText(picked: readonly Candidate[]): string {
  const lines = [...new Set(picked.map(({ note, fact }) => factSentence(note, fact)))];
  const sources = [...new Set(picked.flatMap(({ note, hops }) => [...hops.map((hop) => hop.path), note.path]))];
  const body = lines.length === 1 ? `${lines[0]}` : lines.map((line) => `- ${line}`).join('\n');
  return `${closed(body)}\n\nSource: ${sources.join(' → ')}`;
}

const closed = (text: string): string => (/[.!?…:;)\]]$/.test(text) || text.includes('\n') ? text : `${text}.`);

export function summaryText(note: NoteView, facts: readonly Fact[]): string {
  const shown = facts.filter((fact) => fact.value !== '' && !(fact.kind === 'bullet' && fact.context.length > 0));
  const seen = new Set<string>();
  const lines: string[] = [];
  for (const fact of shown) {
    const around = fact.kind === 'cell' ? fact.context.slice(0, 1) : fact.context;
    const name = [...around, fact.key]
      .map(readableKey)
      .filter((part) => part !== '')
      .join(', ');
    const line = name === '' ? fact.value : `${name}: ${fact.value}`;
    if (!seen.has(line)) lines.push(line);
    seen.add(line);
  }
  const more = lines.length - MAX_SUMMARY_FACTS;
  const list = lines.slice(0, MAX_SUMMARY_FACTS).map((line) => `- ${line}`);
  if (more > 0) list.push(`- … and ${more} more in the note`);
  return `${note.path === 'user.md' ? 'You' : note.title}:\n${list.join('\n')}\n\nSource: ${note.path}`;
}

export function contradictionText(label: string, candidates: readonly Candidate[]): string {
  const versions = candidates.map(({ fact }) => `"${fact.value}" (${fact.path}, line ${fact.line + 1})`);
  const subject =
    candidates[0] === undefined ? '' : candidates[0].note.path === 'user.md' ? 'you' : candidates[0].note.title;
  return `My notes disagree about the ${label}${subject === '' ? '' : ` of ${subject}`}: ${versions.join(' and ')}. Which one is right?`;
}

export function ambiguityText(label: string, candidates: readonly Candidate[]): string {
  const names = [...new Set(candidates.map(({ note }) => `${note.title} (${note.path})`))];
  return `More than one note fits: ${names.join('; ')}. Whose ${label} do you mean?`;
}

/** Says what is missing and asks one concrete question. */
export function missingText(
  question: Question,
  best: Candidate | undefined,
  notes: ReadonlyMap<string, NoteView>,
): string {
  const { concepts, isSelf } = question;
  const predicates = concepts.filter((concept) => concept.kind === 'predicate').map((concept) => concept.label);
  const others = concepts.filter((concept) => concept.kind !== 'predicate').map((concept) => concept.label);
  const names = concepts.filter((concept) => concept.kind === 'name').map((concept) => concept.label);
  const subject = names.length > 0 ? names.join(' ') : others.join(' ');
  const known = [...notes.values()].find(
    (note) => names.length > 0 && names.every((name) => wordsOf(name).every((word) => note.titleWords.includes(word))),
  );
  const wanted = predicates.at(-1) ?? '';
  if (known !== undefined && wanted !== '')
    return `I have a note on ${known.title} (${known.path}), but it says nothing about the ${predicates.join(' or the ')}. What is the ${wanted} of ${known.title}?`;
  if (names.length > 0)
    return `I have no note that tells me about ${subject}${wanted === '' ? '' : ` (${wanted})`}. Who or what is ${subject}, and what should I know?`;
  if (isSelf && concepts.length > 0) {
    const what = concepts.map((concept) => concept.label).join(' / ');
    const hint =
      best !== undefined && best.hops.length > 0 ? ` I got as far as ${best.note.title} (${best.note.path}).` : '';
    return `Your notes do not tell me that (${what}).${hint} What is your ${what}? I will note it down.`;
  }
  if (concepts.length === 0)
    return 'I could not tell what you are asking about. Which person, project or thing do you mean?';
  return `I found nothing in the notes about ${concepts.map((concept) => concept.label).join(', ')}. Can you tell me more, or name the note it should be in?`;
}
