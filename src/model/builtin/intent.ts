// Tells a question from a statement to store and from a request to forget, in eight languages. When in doubt it is a
// question: a wrong answer can be asked again, a wrong edit stays.
import { STATEMENT_PATTERNS, STORE_PREFIX, FORGET_PREFIX, QUESTION_START } from './statement-patterns-table.ts';

export interface Statement {
  /** What the statement is about, as said: `my phone`, `Maya's email`; empty for free text. */
  what: string;
  /** Whose it is, as said: `my wife`, `Maya Chen`; empty for the owner. */
  subject: string;
  attribute: string;
  value: string;
  /** The value that was there before, when it was said. */
  oldValue: string;
  /** `moved to`: any fact of place may hold the old value. */
  isMove: boolean;
  /** "change …": the old value goes even where several are usual. */
  isChange: boolean;
  sentence: string;
}

export type Intent = { kind: 'ask' } | { kind: 'forget'; what: string } | { kind: 'store'; statements: Statement[] };

const MAX_STATEMENTS = 5;
/** Longer texts are no statements of one fact; the patterns below would take long over them, too. */
const MAX_STATEMENT_CHARACTERS = 2000;
const FILLER =
  /^(?:fyi|btw|by the way|for your information|just so you know|heads up|actually|also|übrigens|au fait|por cierto|a propos|a proposito|bu arada)\b[,:]?\s+/i;
const FRESH =
  /^(?:new|current|neue[nmrs]?|aktuelle[nmrs]?|nouve(?:au|l|lle)|nuev[oa]|now[ya]|yeni|nuov[oa]|nov[oa])\s+/i;

export function readIntent(question: string): Intent {
  const text = question.replace(/\s+/g, ' ').trim().replace(FILLER, '');
  if (text.length > MAX_STATEMENT_CHARACTERS) return { kind: 'ask' };
  const forget = FORGET_PREFIX.exec(text);
  if (forget !== null && !/^(to|que|de|die|dass)\b/i.test(text.slice(forget[0].length).trim()))
    return {
      kind: 'forget',
      what: text
        .slice(forget[0].length)
        .replace(/[.!?]+$/, '')
        .trim(),
    };
  const prefix = STORE_PREFIX.exec(text);
  const isAsked = prefix !== null && text.endsWith('?') && !/^(can|could|would|will|please)/i.test(text);
  if (isAsked || (prefix === null && (/\?\s*$/.test(text) || QUESTION_START.test(text)))) return { kind: 'ask' };
  const body = text
    .slice(prefix?.[0].length ?? 0)
    .replace(/^[\s,:–-]+/, '')
    .replace(/\?$/, '');
  if (body.trim() === '') return { kind: 'ask' };
  const statements = splitStatements(body)
    .slice(0, MAX_STATEMENTS)
    .map((part) => readStatement(part));
  if (prefix === null && statements.some((statement) => statement.what === '')) return { kind: 'ask' };
  return { kind: 'store', statements };
}

function splitStatements(text: string): string[] {
  const parts = text
    .split(
      /(?<=[\p{Ll}\d)])[.!;]\s+(?=\p{Lu})|\s*(?:,\s*)?\b(?:and|und|et|y|i|e|ve)\s+(?=(?:my|meine?|mon|ma|mi|mój|moja|mio|mia|meu|minha)\s+[\p{L}\s]+?\s(?:is|are|ist|est|es|to|è|é)\s)/iu,
    )
    .map((part) => part.replace(/[.!]+$/, '').trim())
    .filter((part) => part !== '');
  return parts;
}

function readStatement(sentence: string): Statement {
  const free: Statement = {
    what: '',
    subject: '',
    attribute: '',
    value: '',
    oldValue: '',
    isMove: false,
    isChange: false,
    sentence,
  };
  for (const { pattern, attribute, isMove, isChange } of STATEMENT_PATTERNS) {
    const groups = pattern.exec(sentence)?.groups;
    if (groups === undefined) continue;
    const value = cleanValue(groups['value'] ?? '');
    if (value === '') continue;
    const shared = {
      ...free,
      value,
      oldValue: cleanValue(groups['old'] ?? ''),
      isMove: isMove === true,
      isChange: isChange === true,
    };
    if (attribute !== undefined) {
      const subject = cleanSubject(groups['subject'] ?? '');
      if (subject === null) continue;
      return { ...shared, subject, attribute, what: subject === '' ? `my ${attribute}` : `${attribute} of ${subject}` };
    }
    const phrase = splitNounPhrase(groups['what'] ?? '');
    if (phrase === null) continue;
    return { ...shared, ...phrase, what: (groups['what'] ?? '').trim() };
  }
  return free;
}

const cleanValue = (text: string): string =>
  text
    .trim()
    .replace(/^["“„«]\s*|\s*["”“»]$/g, '')
    .replace(/[.!,]+$/, '')
    .trim();

/** '' for the owner, null for what cannot be a subject. */
function cleanSubject(text: string): string | null {
  const subject = text.trim().replace(/\s+(?:has|have|just|now|recently|jetzt|hat|ist)$/i, '');
  if (/^(i|we|ich|wir|je|j|nous|yo|nosotros|io|noi|eu|nós|ja|ben|biz|)$/i.test(subject)) return '';
  return /^(it|he|she|they|this|that|there|es|er|sie|il|elle|das|what|who)$/i.test(subject) ||
    subject.split(' ').length > 6
    ? null
    : subject;
}

const MY = String.raw`(?:my|our|meine?[nmrs]?|unsere?[nmr]?|mon|ma|mes|notre|mis?|nuestr[oa]s?|mój|moja|moje|mojej|mojego|moją|nasz[ae]?|(?:il|la|i|le) (?:mi[oa]|miei|mie|nostr[oa])|(?:o |a |os |as )?(?:meus?|minhas?|noss[oa]s?)|benim)`;
const OF = String.raw`(?:of|von|vom|der|des|de la|de|du|del|della|dello|di|do|da|d['’])`;

/** `my wife's phone` -> subject `my wife`, attribute `phone`; null when there is no attribute. */
export function splitNounPhrase(text: string): { subject: string; attribute: string } | null {
  const phrase = text.trim();
  const possessive = /^(?<subject>.+?)['’](?:s|nın|nin|nun|nün|ın|in|un|ün)?\s+(?<attribute>[^'’]+)$/iu.exec(
    phrase,
  )?.groups;
  if (possessive !== undefined && !/^(d|l|j|dell)$/i.test(possessive['subject'] ?? ''))
    return fine((possessive['subject'] ?? '').replace(/^the\s+/i, ''), possessive['attribute'] ?? '');
  const of = new RegExp(
    String.raw`^(?:the|die|der|das|den|dem|le|la|l['’]|el|los|il|lo|o|a)?\s*(?<attribute>[\p{L} _-]+?)\s+${OF}\s*(?<subject>(?:${MY}\s+)?\p{L}.*)$`,
    'iu',
  ).exec(phrase)?.groups;
  const isCompound =
    /^(date|numéro|número|numero|data|place|adresse|code|mot|año)$/i.test(of?.['attribute'] ?? '') &&
    !/\p{Lu}/u.test((of?.['subject'] ?? '').slice(0, 1));
  if (of !== undefined && !isCompound && !new RegExp(`^${MY}\\s`, 'iu').test(phrase))
    return fine(of['subject'] ?? '', of['attribute'] ?? '');
  const mine = new RegExp(String.raw`^${MY}\s+(?<attribute>.+)$`, 'iu').exec(phrase)?.groups;
  if (mine !== undefined) {
    const deeper = new RegExp(String.raw`^(?<attribute>[\p{L} _-]+?)\s+${OF}\s+(?<subject>\p{Lu}.*)$`, 'u').exec(
      mine['attribute'] ?? '',
    )?.groups;
    if (deeper !== undefined) return fine(deeper['subject'] ?? '', deeper['attribute'] ?? '');
    return fine('', mine['attribute'] ?? '');
  }
  const german = /^(?<subject>\p{Lu}\p{L}+)s\s+(?<attribute>\p{Lu}[\p{L}-]+)$/u.exec(phrase)?.groups;
  if (german !== undefined) return fine(german['subject'] ?? '', german['attribute'] ?? '');
  if (/^(the|die|der|das|den|dem|le|la|el|il|o|a)\s/i.test(phrase)) return fine('', phrase.replace(/^\S+\s+/, ''));
  return null;
}

function fine(subject: string, attribute: string): { subject: string; attribute: string } | null {
  const name = attribute.trim().replace(FRESH, '');
  return name === '' || name.split(' ').length > 5 || subject.split(' ').length > 6
    ? null
    : { subject: subject.trim(), attribute: name };
}

/** A statement as it is told back to the user. */
export const said = (statement: Statement): string =>
  statement.what === '' ? statement.sentence : `${statement.what.replace(/^my /i, 'your ')}: ${statement.value}`;
