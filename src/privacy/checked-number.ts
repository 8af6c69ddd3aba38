// Numbers that prove themselves by a checksum: credit cards (Luhn) and IBANs (mod 97), with the blanks people write.

/** Groups of digits with single blanks, dots or dashes between them; a card is some of them in a row. */
const DIGIT_GROUPS = /\d(?:[ .-]?\d){12,}/g;
const SHORTEST_CARD = 13;
const LONGEST_CARD = 19;
/** Issuer prefixes with the lengths they come in. */
const CARD_FORM =
  /^(?:4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|2720\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14,17})$/;

const IBAN_START = /(?<![A-Z0-9])[A-Z]{2}\d{2}(?=[ -]?[A-Z0-9])/gi;
/** Country and length. */
const IBAN_LENGTHS = new Map(
  'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20'
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

export interface CheckedNumber {
  kind: 'card' | 'iban';
  start: number;
  end: number;
}

export function* findCheckedNumbers(text: string): Generator<CheckedNumber> {
  for (const { index, 0: written } of text.matchAll(DIGIT_GROUPS)) yield* findCards(written, index);
  for (const { index: start, 0: head } of text.matchAll(IBAN_START)) {
    const length = IBAN_LENGTHS.get(head.slice(0, 2).toUpperCase());
    const end = length === undefined ? null : endAfter(text, start, length);
    if (end === null) continue;
    const iban = text.slice(start, end).replace(/[ -]/g, '').toUpperCase();
    if (passesMod97(iban)) yield { kind: 'iban', start, end };
  }
}

function* findCards(written: string, offset: number): Generator<CheckedNumber> {
  const groups = [...written.matchAll(/\d+/g)];
  for (let first = 0; first < groups.length; first += 1) {
    const start = groups[first]?.index ?? 0;
    let digits = '';
    for (let last = first; last < groups.length && digits.length < LONGEST_CARD; last += 1) {
      digits += groups[last]?.[0] ?? '';
      if (digits.length < SHORTEST_CARD || !CARD_FORM.test(digits) || !passesLuhn(digits)) continue;
      const end = (groups[last]?.index ?? 0) + (groups[last]?.[0].length ?? 0);
      yield { kind: 'card', start: offset + start, end: offset + end };
    }
  }
}

/** Index behind the `count`th letter or digit, single blanks and dashes between them skipped. */
function endAfter(text: string, start: number, count: number): number | null {
  let seen = 0;
  for (let at = start; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (/[A-Za-z0-9]/.test(character)) seen += 1;
    else if (!/[ -]/.test(character) || !/[A-Za-z0-9]/.test(text.charAt(at + 1))) return null;
    if (seen === count) return at + 1;
  }
  return null;
}

function passesLuhn(digits: string): boolean {
  if (/^(\d)\1*$/.test(digits)) return false;
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const value = Number(digits.charAt(digits.length - 1 - index)) * (index % 2 === 1 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

function passesMod97(iban: string): boolean {
  let rest = 0;
  for (const character of iban.slice(4) + iban.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}
