// The rule each value must keep, in words a person can act on. Empty text means "not set" and is right wherever it is
// the default.
import ipaddr from 'ipaddr.js';
import { AppError } from '../lib/app-error.ts';
import type { ConfigKey, SettingValue } from './config-key.ts';
import { backendsProblem } from './backend-entry.ts';
import { isHost, LISTEN_FORMAT, parseListenAddress } from './listen-address.ts';
import { rootsProblem } from './root-entry.ts';

/** What a value of this key has to be, as the end of "it must be …". */
export function expectation(row: ConfigKey): string {
  switch (row.type) {
    case 'int':
      return `a whole number from ${row.min ?? 0} to ${row.max ?? Number.MAX_SAFE_INTEGER}`;
    case 'number':
      return `a number from ${row.min ?? 0} to ${row.max ?? Number.MAX_SAFE_INTEGER}`;
    case 'bool':
      return 'true or false';
    case 'enum':
      return `one of ${(row.choices ?? []).map((choice) => (choice === '' ? '"" (empty)' : choice)).join(', ')}`;
    case 'list':
      return `a list of text (in the environment and in flags: separated by commas)`;
    case 'listen':
      return LISTEN_FORMAT;
    default:
      return 'text';
  }
}

/** What is wrong with a value of the right type, or undefined. */
export function ruleProblem(row: ConfigKey, value: SettingValue): string | undefined {
  if (row.type === 'int' || row.type === 'number') {
    const whole = row.type === 'number' || Number.isInteger(value);
    const inRange = Number(value) >= (row.min ?? -Infinity) && Number(value) <= (row.max ?? Infinity);
    return whole && inRange ? undefined : `it must be ${expectation(row)}`;
  }
  if (row.type === 'enum')
    return row.choices?.includes(String(value)) === true ? undefined : `it must be ${expectation(row)}`;
  if (row.type === 'listen') return listenProblem(String(value));
  if (row.type === 'url') return value === '' ? undefined : urlProblem(String(value));
  if (typeof value === 'object') return listProblem(row, value);
  // It becomes an HTTP header.
  if (row.type === 'secret' && !/^[\x21-\x7e]*$/.test(String(value))) return 'it must be one word of visible ASCII';
  return String(value).includes('\0') ? 'it must not have a NUL in it' : undefined;
}

function listenProblem(text: string): string | undefined {
  try {
    parseListenAddress(text);
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error.message;
    throw error;
  }
}

/** What is wrong with the address of a model server, or undefined. */
export function urlProblem(text: string): string | undefined {
  if (/^unix:(?:\/\/)?\/[^:]+(?::\/.*)?$/.test(text)) return undefined;
  const url = URL.parse(text);
  if (url === null) return 'it is no URL';
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'it must start with http://, https:// or unix:/';
  if (url.username !== '' || url.password !== '') return 'it must not hold a password';
  if (url.search !== '' || url.hash !== '') return 'it must not have a ? or # part';
  return undefined;
}

function listProblem(row: ConfigKey, entries: readonly string[]): string | undefined {
  const rule = row.item;
  if (rule === undefined) return undefined;
  if (rule === 'backend') return backendsProblem(entries, urlProblem);
  if (rule === 'root') return rootsProblem(entries);
  const wrong = entries.find((entry) => !ITEM_RULES[rule].test(entry));
  return wrong === undefined ? undefined : `an entry is not ${ITEM_RULES[rule].says}`;
}

const ITEM_RULES = {
  host: { says: 'HOST or HOST:PORT', test: isHostEntry },
  origin: { says: 'an origin like https://host or http://host:8080', test: isOrigin },
  env: { says: 'NAME=VALUE', test: (entry: string) => /^[A-Za-z_][A-Za-z0-9_]*=[^\0]*$/.test(entry) },
  'tool-rate': {
    says: 'TOOL=N, for example use_memory_agent=10',
    test: (entry: string) => /^[a-z][a-z0-9_]{0,63}=[1-9]\d{0,8}$/.test(entry),
  },
  'jwt-algorithm': {
    says: 'RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA',
    test: (entry: string) => /^(?:(?:RS|PS|ES)(?:256|384|512)|EdDSA|Ed25519)$/.test(entry),
  },
  cidr: { says: 'an address or a range like 10.0.0.0/8', test: isRange },
};

function isHostEntry(entry: string): boolean {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(entry);
  return match !== null && isHost(match[1] ?? match[2] ?? '') && Number(match[3] ?? 0) <= 65_535;
}

function isOrigin(entry: string): boolean {
  return URL.parse(entry)?.origin === entry.toLowerCase() && entry !== 'null';
}

function isRange(entry: string): boolean {
  return ipaddr.isValidCIDR(entry) || ipaddr.IPv4.isValidFourPartDecimal(entry) || ipaddr.IPv6.isValid(entry);
}
