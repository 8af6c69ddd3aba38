// Obeys `<filter>` text, on the safe side: whatever topic a prohibition names is withheld wherever a key, heading, path or
// sentence speaks of it, and e-mail addresses, phone numbers, dates and amounts are withheld by their shape too.
import type { Fact, NoteView } from './note-facts.ts';
import { formStrength, readQuestion, type Concept } from './question-concepts.ts';
import { fold, wordsOf } from './words.ts';

export interface FilterRules {
  isEmpty: boolean;
  mayWrite: boolean;
  /** What the rules are about, for "I may not share …". */
  topics: string[];
  isBlocked(fact: Fact, note: NoteView | undefined): boolean;
  /** Whether the question itself asks for something withheld. */
  asksForBlocked(concepts: readonly Concept[]): boolean;
  /** Whether a text shows something withheld by its shape. */
  shows(text: string): boolean;
}

const PERMISSION = /\b(may|can|allowed to|ok to|okay to|free to|permitted to)\b(?! not|not)/;
const PROHIBITION =
  /\b(not|never|no|don t|do not|dont|hide|withhold|redact|omit|remove|private|secret|confidential|without|except|refuse|mask|obfuscate|replace|exclude|avoid|nicht|keine?|nie|niemals|ne|pas|jamais|nunca|ningun|nie|hicbir|non|mai|nao)\b/;
const ONLY = /\b(only|just|nur|seulement|solo|tylko|sadece|apenas)\b/;
const SMALL = new Set(
  wordsOf(`reveal share disclose give tell mention answer show provide include expose return say output display user users
    anyone information info data detail details anything everything something all any about related personal private
    sensitive confidential question questions never always do not don only just except please must should keep hide redact
    omit remove withhold refuse other others people person names memory notes note exact full specific mask replace request
    unless even asked strictly may can allowed share regarding secret without under circumstances nichts gib verrate preis weitergeben`),
);
/** An answer may be as long as a note: none of these goes over the same characters twice, so the amount is read from its unit back. */
const SHAPES: { topic: RegExp; shape: RegExp }[] = [
  { topic: /^email$/, shape: /[\p{L}\p{N}._%+-]@[\p{L}\p{N}.-]+\.\p{L}{2,}/u },
  { topic: /^(phone|contact)$/, shape: /(?:\+|\b0)\d[\d ()/.-]{6,}\d/ },
  { topic: /^(birth date|age|anniversary)$/, shape: /\b(19|20)\d\d-\d\d-\d\d\b/ },
  {
    topic: /^(price|salary|budget|revenue|rent)$/,
    shape: /[€$£¥]\s?\d|(?<=\b\d[\d.,]*\s?)(?:EUR|USD|CHF|GBP|PLN|TRY|€|k\b)/,
  },
];
/** A prohibition of these covers the predicates behind them. */
const WIDER: Readonly<Record<string, string>> = {
  contact: 'phone email address contact',
  health: 'allergy medication doctor dentist blood type vaccination diet intolerance dose appointment',
  medical: 'allergy medication doctor dentist blood type vaccination intolerance dose',
  financial: 'salary price budget revenue rent account iban',
  finance: 'salary price budget revenue rent account iban',
  money: 'salary price budget revenue rent account',
  family: 'spouse child son daughter mother father sibling brother sister parents',
  location: 'address city home location',
  dates: 'birth date deadline renewal date start date end date anniversary',
};

export function readFilter(text: string): FilterRules {
  const blocked: Concept[][] = [];
  const allowed: Concept[] = [];
  let mayWrite = true;
  for (const clause of text.split(/[\n;]+|(?<=[.!?])\s+|\bbut\b|\bhowever\b/i)) {
    const folded = fold(clause).replace(/[’']/g, ' ');
    const concepts = clauseConcepts(clause);
    const isProhibition = PROHIBITION.test(folded);
    if (isProhibition && /\b(save|store|write|change|modify|update|delete|memori[sz]e)\b/.test(folded))
      mayWrite = false;
    if (concepts.length === 0) continue;
    if (ONLY.test(folded) && !isProhibition) allowed.push(...concepts);
    else if (isProhibition || !PERMISSION.test(folded)) blocked.push(concepts);
  }
  return makeRules(blocked, allowed, mayWrite, text.trim() === '');
}

function clauseConcepts(clause: string): Concept[] {
  const wider = wordsOf(clause)
    .map((word) => WIDER[word] ?? '')
    .join(' ');
  const concepts = readQuestion(`${clause.replace(/^\s*\p{Lu}/u, (letter) => letter.toLowerCase())} ${wider}`).concepts;
  return concepts.filter((concept) => concept.kind === 'predicate' || !SMALL.has(wordsOf(concept.label)[0] ?? ''));
}

function makeRules(blocked: Concept[][], allowed: Concept[], mayWrite: boolean, isEmpty: boolean): FilterRules {
  const named = blocked.flat();
  const speaksOf = (concept: Concept, fact: Fact, note: NoteView | undefined): boolean => {
    const { key, value, context, section } = fact.words;
    const isText = fact.kind === 'sentence' || fact.kind === 'bullet';
    const places = [
      key,
      context,
      section,
      note?.titleWords ?? [],
      ...(isText || concept.kind !== 'predicate' ? [value] : []),
    ];
    return places.some((words) => formStrength(concept, words, isText) >= 0.7);
  };
  // "Maya's phone": both must be spoken of. Predicates alone block everywhere.
  const isClauseHit = (concepts: Concept[], fact: Fact, note: NoteView | undefined): boolean => {
    const names = concepts.filter((concept) => concept.kind === 'name');
    const rest = concepts.filter((concept) => concept.kind !== 'name');
    if (names.length > 0 && !names.every((concept) => speaksOf(concept, fact, note))) return false;
    return rest.length === 0 || rest.some((concept) => speaksOf(concept, fact, note));
  };
  const shapes = SHAPES.filter(({ topic }) =>
    blocked.some(
      (concepts) =>
        concepts.every((concept) => concept.kind !== 'name') &&
        concepts.some((concept) => concept.predicates.some(({ id }) => topic.test(id))),
    ),
  );
  return {
    isEmpty,
    mayWrite,
    topics: [...new Set(named.map((concept) => concept.label.toLowerCase()))],
    isBlocked: (fact, note) =>
      blocked.some((concepts) => isClauseHit(concepts, fact, note)) ||
      (allowed.length > 0 && !allowed.some((concept) => speaksOf(concept, fact, note))),
    asksForBlocked: (concepts) =>
      blocked.some((clause) => {
        const rest = clause.filter((concept) => concept.kind !== 'name');
        const names = clause.filter((concept) => concept.kind === 'name');
        const isAsked = (concept: Concept): boolean => concepts.some((asked) => sameTopic(asked, concept));
        return (rest.length === 0 || rest.some(isAsked)) && names.every(isAsked);
      }) ||
      (allowed.length > 0 && !allowed.some((concept) => concepts.some((asked) => sameTopic(asked, concept)))),
    shows: (text) => shapes.some(({ shape }) => shape.test(text)),
  };
}

function sameTopic(a: Concept, b: Concept): boolean {
  if (a.predicates.some((predicate) => b.predicates.includes(predicate))) return true;
  const also = b.predicates.flatMap((predicate) => predicate.also);
  if (a.predicates.some(({ id }) => also.includes(id))) return true;
  return a.kind !== 'predicate' && formStrength(b, wordsOf(a.label)) > 0;
}
