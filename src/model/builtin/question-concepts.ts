// What a question is about, as concepts: predicates of the table (in any language), names, and the other words that carry
// meaning. Word order is not needed: the notes' links say how the concepts hang together.
import { PREDICATES, predicateById, type Predicate } from './predicates.ts';
import { isSelfWord, isStopWord, languageOf, type Language } from './stop-words.ts';
import { fold, sameWord, wordsOf } from './words.ts';

interface Form {
  phrase: string[];
  strength: number;
}

export interface Concept {
  kind: 'predicate' | 'name' | 'term';
  label: string;
  weight: number;
  /** An answer that does not touch it is no answer. */
  isRequired: boolean;
  /** Best first; a phrase is a list of words. */
  forms: Form[];
  /** All forms by the first letters of their first word; verbs have strength 0. Texts are long and forms many. */
  starts: Map<string, Form[]>;
  predicates: Predicate[];
  /** Asked with a verb (`owns`, `works`): the fact may be read backwards. */
  isVerb: boolean;
}

export interface Question {
  text: string;
  language: Language;
  concepts: Concept[];
  /** Asks about the owner of the notes. */
  isSelf: boolean;
  numbers: number[];
}

interface Token {
  raw: string;
  word: string;
  isCapital: boolean;
  isFirst: boolean;
}

/** Words that are the same share their first letters. */
const STEM = 3;

function byStart<T extends { phrase: readonly string[] }>(forms: readonly T[]): Map<string, T[]> {
  const starts = new Map<string, T[]>();
  for (const form of forms) {
    const start = (form.phrase[0] ?? '').slice(0, STEM);
    const known = starts.get(start);
    if (known === undefined) starts.set(start, [form]);
    else known.push(form);
  }
  return starts;
}

/** Words of the table that mean something else in English; they count in their own language only. */
const FOREIGN = new Set(
  wordsOf(`anne stan lot pies kind race chat brat abi dom pai local fin capo dono stelle cita dil cins ev yer yas cep kari
    asi zona mere sede mae es mama baba tata dug maz cane cat4 conto morada vol plat base fun state stand travel mark rua
    oglu nato lek regime syn kot koca prado patron is place time most`),
);
const ENGLISH_ANYWAY = new Set(['base', 'state', 'place', 'time', 'fun', 'travel']);
const WHERE = new Set(['where', 'wo', 'donde', 'gdzie', 'nerede', 'nereli', 'dove', 'onde', 'ou']);
const MAX_QUESTION_CHARACTERS = 2000;
const WHICH = new Set(wordsOf('which welche welcher welches quelle quel que cual ktora ktory ktore hangi quale qual'));
const KINDS = new Set(['employer', 'client', 'project', 'supplier', 'team', 'contact', 'city', 'friend', 'colleague']);
const NAME_WORDS = new Set(
  wordsOf('name names named called nombre nom nome imie nazwa isim ismi heisst heissen adi llama chiama chama'),
);

export function readQuestion(asked: string): Question {
  const text = asked.slice(0, MAX_QUESTION_CHARACTERS);
  const words = wordsOf(text);
  const language = languageOf(words);
  const tokens = tokensOf(text);
  const isSelf = tokens.some(({ word }) => isSelfWord(word, language));
  const concepts: Concept[] = [];
  const isShouting = tokens.every((token) => token.isCapital);
  for (let position = 0; position < tokens.length;) {
    const token = tokens[position];
    if (token === undefined) break;
    const found = NAME_WORDS.has(token.word) ? null : matchPredicates(tokens, position, language);
    if (found !== null && !(isName(token, language, isShouting) && FOREIGN.has(token.word))) {
      addPredicate(concepts, found, WHICH.has(tokens[position - 1]?.word ?? ''));
      position += found.length;
      continue;
    }
    if (!isSelfWord(token.word, language) && !isSmallWord(token, language))
      addWord(concepts, token, language, isShouting);
    position++;
  }
  const job = predicateById('job');
  if (job !== undefined && /^what (?:do|does) .+ do$/.test(words.join(' ')))
    concepts.push(predicateConcept([job], false, 'job'));
  sharpenByWhere(concepts, words);
  const numbers = [...text.matchAll(/\d+(?:[.,]\d+)*\s*[kKmM]?\b/g)].map(([match]) => numberOf(match));
  return { text, language, concepts, isSelf, numbers: numbers.filter((value) => Number.isFinite(value)) };
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let isFirst = true;
  for (const match of text.matchAll(/[\p{L}\p{N}\p{M}]+(?:['’][sS]\b)?|[.!?:]\s/gu)) {
    if (/^[.!?:]/.test(match[0])) {
      isFirst = true;
      continue;
    }
    const raw = match[0].replace(/['’][sS]$/, '');
    const word = wordsOf(raw)[0];
    if (word === undefined) continue;
    tokens.push({ raw, word, isCapital: /^\p{Lu}/u.test(raw), isFirst });
    isFirst = false;
  }
  return tokens;
}

function isSmallWord({ word, raw }: Token, language: Language): boolean {
  if (NAME_WORDS.has(word)) return true;
  if (isStopWord(word, language)) return true;
  // Without a word of its own language a question may still mix in English ones.
  return isStopWord(word, 'en') && (language === 'en' || !/^\p{Lu}/u.test(raw)) && word.length > 1;
}

const isName = (token: Token, language: Language, isShouting: boolean): boolean =>
  !isShouting && token.isCapital && (!token.isFirst || /\p{Ll}\p{Lu}|\d/u.test(token.raw)) && language !== 'de';

const ASKED_BY_START = byStart(
  PREDICATES.flatMap((predicate) => [
    ...predicate.keys.map((phrase) => ({ predicate, phrase, isVerb: false })),
    ...predicate.asks.map((phrase) => ({ predicate, phrase, isVerb: true })),
  ]),
);

function matchPredicates(
  tokens: readonly Token[],
  position: number,
  language: Language,
): { length: number; predicates: Predicate[]; isVerb: boolean; raw: string } | null {
  const words = tokens.slice(position, position + 4).map((token) => token.word);
  const first = words[0] ?? '';
  const isForeign = FOREIGN.has(first) && language === 'en' && !ENGLISH_ANYWAY.has(first);
  let length = 0;
  let score = 0;
  let found: { predicate: Predicate; isVerb: boolean }[] = [];
  for (const { predicate, phrase, isVerb } of ASKED_BY_START.get(first.slice(0, STEM)) ?? []) {
    if (phrase.length < length || !phrase.every((part, offset) => sameWord(part, words[offset] ?? ''))) continue;
    if (phrase.length === 1 && (isForeign || isStopWord(first, language))) continue;
    const quality = phrase.length * 10 + (phrase.every((part, offset) => part === words[offset]) ? 5 : 0);
    if (quality > score) [length, score, found] = [phrase.length, quality, []];
    if (quality === score && !found.some((entry) => entry.predicate === predicate)) found.push({ predicate, isVerb });
  }
  if (length === 0) return null;
  const raw = tokens
    .slice(position, position + length)
    .map((token) => token.raw)
    .join(' ');
  return {
    length,
    predicates: found.map((entry) => entry.predicate),
    isVerb: found.every((entry) => entry.isVerb),
    raw,
  };
}

function addPredicate(
  concepts: Concept[],
  found: { predicates: Predicate[]; isVerb: boolean; raw: string },
  isAfterWhich: boolean,
): void {
  const [main] = found.predicates;
  if (
    main === undefined ||
    concepts.some((concept) => concept.predicates.some((known) => found.predicates.includes(known)))
  )
    return;
  const concept = predicateConcept(found.predicates, found.isVerb, found.raw);
  // "Which company …": says what kind of thing the answer is, no note has to say so.
  if (isAfterWhich && KINDS.has(main.id)) concepts.push({ ...concept, weight: 0.5, isRequired: false });
  else concepts.push(concept);
}

export function predicateConcept(predicates: Predicate[], isVerb: boolean, raw: string): Concept {
  const forms = predicates.flatMap(({ keys }) => keys.map((phrase) => ({ phrase, strength: 1 })));
  // As it was asked, too: `raw` may be how the note says it.
  if (!isVerb && raw !== '') forms.push({ phrase: wordsOf(raw), strength: 1.02 });
  for (const id of predicates.flatMap((predicate) => predicate.also)) {
    for (const phrase of predicateById(id)?.keys ?? []) forms.push({ phrase, strength: 0.75 });
  }
  const verbs = predicates.flatMap((predicate) => predicate.asks);
  const label = predicates[0]?.label ?? fold(raw);
  return {
    kind: 'predicate',
    label,
    weight: 2,
    isRequired: !(isVerb && label === 'location') && fold(raw) !== 'due',
    forms,
    starts: byStart([...forms, ...verbs.map((phrase) => ({ phrase, strength: 0 }))]),
    predicates,
    isVerb,
  };
}

function addWord(concepts: Concept[], token: Token, language: Language, isShouting: boolean): void {
  const { word, raw } = token;
  if (concepts.some((concept) => concept.kind !== 'predicate' && concept.label === raw)) return;
  const isProper = !isShouting && token.isCapital && language !== 'de' && (!token.isFirst || /\p{Ll}\p{Lu}/u.test(raw));
  const isMaybe = token.isCapital && !isShouting && !isProper;
  const kind = isProper || isMaybe ? 'name' : 'term';
  const forms = [{ phrase: [word], strength: 1 }];
  concepts.push({
    kind,
    label: raw,
    weight: kind === 'name' ? 2.5 : 1,
    isRequired: isProper || (isMaybe && language !== 'de'),
    forms,
    starts: byStart(forms),
    predicates: [],
    isVerb: false,
  });
}

function sharpenByWhere(concepts: Concept[], words: readonly string[]): void {
  if (!words.some((word) => WHERE.has(word))) return;
  concepts.forEach((concept, position) => {
    const ids = concept.predicates.map((predicate) => predicate.id);
    const swap = ids.includes('birth date')
      ? 'birth place'
      : ids.includes('job') && ids.includes('employer')
        ? 'employer'
        : null;
    const predicate = swap === null ? undefined : predicateById(swap);
    if (predicate !== undefined) concepts[position] = predicateConcept([predicate], concept.isVerb, predicate.label);
  });
}

export function numberOf(text: string): number {
  const match = /(-?\d[\d.,\s]*)\s*([kKmM]?)/.exec(text);
  if (match === null) return Number.NaN;
  const digits = (match[1] ?? '')
    .trim()
    .replace(/[.,](?=\d{3}\b)/g, '')
    .replaceAll(/\s/g, '')
    .replace(',', '.');
  const unit = { k: 1_000, m: 1_000_000 }[(match[2] ?? '').toLowerCase()] ?? 1;
  return Number(digits) * unit;
}

/** The question that a statement answers: this attribute of that subject. */
export function attributeQuestion(subject: string, attribute: string, predicates: Predicate[]): Question {
  const about =
    subject === ''
      ? { text: '', language: 'en' as const, concepts: [], isSelf: true, numbers: [] }
      : readQuestion(subject);
  const asked =
    predicates.length > 0 ? [predicateConcept(predicates, false, attribute)] : readQuestion(attribute).concepts;
  return { ...about, concepts: [...about.concepts, ...asked] };
}

/** How well these words speak of the concept: 0, or the strength of the best form. */
export function formStrength(concept: Concept, words: readonly string[], withVerbs = false): number {
  let best = 0;
  let isVerbMet = false;
  words.forEach((word, at) => {
    for (const { phrase, strength } of concept.starts.get(word.slice(0, STEM)) ?? []) {
      if (strength <= best && strength > 0) continue;
      if (!phrase.every((part, offset) => sameWord(part, words[at + offset] ?? ''))) continue;
      if (strength > 0) best = strength;
      else isVerbMet = true;
    }
  });
  if (best === 0 && withVerbs && isVerbMet) return 0.9;
  if (best === 0 && concept.kind !== 'predicate' && words.length > 1) {
    const word = concept.forms[0]?.phrase[0] ?? '';
    for (let at = 0; at + 1 < words.length; at++) if (`${words[at]}${words[at + 1]}` === word) return 1;
  }
  return best;
}
