// Secrets of every kind we claim to know, made at random, and the ways people and programs write them down. A checker
// looks for any of them in what left, undoing encodings by its own means, so that it can find what the screen missed.
import { randomInt } from 'node:crypto';

export interface PlantedSecret {
  kind: string;
  value: string;
  /** How it stands in a note; some need their name beside them to be known as a secret. */
  written: string;
}

export type Random = (below: number) => number;

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';
const BASE62 = `${DIGITS}${LOWER.toUpperCase()}${LOWER}`;
const BASE64URL = `${BASE62}-_`;

export const cryptoRandom: Random = (below) => randomInt(below);

function pick(random: Random, alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet.charAt(random(alphabet.length))).join('');
}

type Maker = (random: Random) => string | { value: string; written: string };

/** Never a word of the notes around it, as a person would not choose one either. */
const phrase = (random: Random): string =>
  Array.from({ length: 4 }, () => pick(random, 'bcdfghklmnprstvz', 1) + pick(random, LOWER, 6)).join(' ');

function luhnCard(random: Random): string {
  const body = `4${pick(random, DIGITS, 14)}`;
  const sum = body
    .split('')
    .toReversed()
    .reduce((total, digit, index) => {
      const value = Number(digit) * (index % 2 === 0 ? 2 : 1);
      return total + (value > 9 ? value - 9 : value);
    }, 0);
  return `${body}${(10 - (sum % 10)) % 10}`.replace(/(.{4})(?=.)/g, '$1 ');
}

function iban(random: Random): string {
  const account = pick(random, DIGITS, 18);
  const rest = BigInt(`${account}131400`) % 97n;
  return `DE${String(98n - rest).padStart(2, '0')}${account}`.replace(/(.{4})(?=.)/g, '$1 ');
}

function pem(random: Random): string {
  const lines = Array.from({ length: 5 }, () => pick(random, `${BASE62}+/`, 64));
  return ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----'].join('\n');
}

/** Tokens that are one word and say themselves what they are. */
export const TOKEN_MAKERS: Readonly<Record<string, (random: Random) => string>> = {
  'mem-agent': (r) => `mema_client_${pick(r, BASE62, 49)}`,
  openai: (r) => `sk-proj-${pick(r, BASE64URL, 60)}${pick(r, BASE62, 4)}`,
  'openai-old': (r) => `sk-${pick(r, BASE62, 48)}`,
  anthropic: (r) => `sk-ant-api03-${pick(r, BASE64URL, 80)}${pick(r, BASE62, 4)}`,
  openrouter: (r) => `sk-or-v1-${pick(r, '0123456789abcdef', 64)}`,
  github: (r) => `ghp_${pick(r, BASE62, 36)}`,
  'github-fine': (r) => `github_pat_${pick(r, BASE62, 22)}_${pick(r, BASE62, 59)}`,
  gitlab: (r) => `glpat-${pick(r, BASE62, 20)}`,
  slack: (r) => `xoxb-${pick(r, DIGITS, 12)}-${pick(r, DIGITS, 12)}-${pick(r, BASE62, 24)}`,
  aws: (r) => `AKIA${pick(r, `${LOWER.toUpperCase()}${DIGITS}`, 16)}`,
  google: (r) => `AIza${pick(r, BASE62, 35)}`,
  stripe: (r) => `sk_live_${pick(r, BASE62, 24)}`,
  npm: (r) => `npm_${pick(r, BASE62, 36)}`,
  jwt: (r) => `eyJ${pick(r, BASE62, 33)}.eyJ${pick(r, BASE62, 60)}.${pick(r, BASE62, 43)}`,
  'hugging-face': (r) => `hf_${pick(r, BASE62, 34)}`,
  random: (r) => pick(r, BASE62, 64),
};

const NAMED_MAKERS: Readonly<Record<string, Maker>> = {
  password: (r) => named('Password: ', `${pick(r, LOWER, 6)}${pick(r, '!$%+-=', 1)}${pick(r, BASE62, 5)}7`),
  passphrase: (r) => named('- wifi passphrase: ', phrase(r)),
  'password-in-a-sentence': (r) => named('The password is ', `${pick(r, LOWER, 9)}7`),
  environment: (r) => named('DB_PASSWORD=', pick(r, BASE62, 12)),
  'api-key': (r) => named('api_key = ', pick(r, '0123456789abcdef', 32)),
  json: (r) => {
    const value = pick(r, BASE62, 14);
    return { value, written: `{"user": "anna", "password": "${value}", "host": "db"}` };
  },
  pin: (r) => named('PIN: ', `${pick(r, '123456789', 1)}${pick(r, DIGITS, 5)}`),
  connection: (r) => {
    const value = pick(r, BASE62, 16);
    return { value, written: `postgres://app:${value}@db.internal:5432/notes` };
  },
  bearer: (r) => named('Authorization: Bearer ', `${pick(r, BASE62, 20)}.7`),
  'table-cell': (r) => {
    const value = `${pick(r, LOWER, 8)}9`;
    return { value, written: `| Service | Password |\n|---|---|\n| mail | ${value} |` };
  },
  'listed-login': (r) => named('## Logins\n\n- bank: ', `${pick(r, LOWER, 8)}9`),
  card: (r) => luhnCard(r),
  iban: (r) => iban(r),
  'private-key': (r) => pem(r),
};

function named(name: string, value: string): { value: string; written: string } {
  return { value, written: name + value };
}

export const SECRET_KINDS = [...Object.keys(TOKEN_MAKERS), ...Object.keys(NAMED_MAKERS)];

export function plantSecret(kind: string, random: Random): PlantedSecret {
  const made = (TOKEN_MAKERS[kind] ?? NAMED_MAKERS[kind])?.(random);
  if (made === undefined) throw new Error(`no such kind of secret: ${kind}`);
  return typeof made === 'string' ? { kind, value: made, written: made } : { kind, ...made };
}

/** The secrets whose value can be read out of what left, whatever it was encoded in. */
export function findPlanted(left: string, secrets: readonly PlantedSecret[]): PlantedSecret[] {
  const forms = [left, bare(left), bare(percentDecoded(left)), bare(unescaped(left)), bare(unescaped(unescaped(left)))];
  return secrets.filter(({ value }) => {
    const needle = bare(value);
    return forms.some((form) => form.includes(value) || (needle.length >= 12 && form.includes(needle)));
  });
}

/** Without all that could be put between the characters of a secret. */
function bare(text: string): string {
  return text.replace(/[\s\u00AD\u200B-\u200F\u2060\uFEFF>*`|]+/g, '');
}

function percentDecoded(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_whole, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function unescaped(text: string): string {
  return text
    .replace(/\\u([0-9a-f]{4})/gi, (_whole, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\\x([0-9a-f]{2})/gi, (_whole, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\\([nrt])/g, '\n')
    .replace(/\\(['"\\])/g, '$1');
}
