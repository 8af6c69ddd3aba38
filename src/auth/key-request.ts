// What may be asked for in a new API key; everything else is refused with what would be right.

import { AppError } from '../lib/app-error.ts';
import { toMicroUsd, toUsd } from '../lib/micro-usd.ts';
import { KEY_KINDS } from './api-key.ts';
import type { KeyKind } from './api-key.ts';
import { parsePolicy } from './parse-policy.ts';
import type { Policy } from './policy.ts';
import { SCOPES } from './principal.ts';
import type { Scope } from './principal.ts';

export interface CreateKeyRequest {
  name: string;
  /** Default `client`. */
  kind?: KeyKind;
  /** Default for `client`: agent, memory:read, memory:write; for `admin`: all. */
  scopes?: readonly string[];
  /** Default `default`. */
  root?: string;
  expiresAtMs?: number;
  /** Whether questions asked with it may go to a cloud model. Default false. */
  cloudConsent?: boolean;
  /** Default 0: nothing. */
  cloudBudgetUsdPerMonth?: number;
  /** Default: its scopes alone decide. */
  policy?: Policy;
}

export interface CheckedKeyRequest {
  name: string;
  kind: KeyKind;
  scopes: readonly Scope[];
  root: string;
  expiresAtMs: number | null;
  cloudConsent: boolean;
  cloudBudgetUsdPerMonth: number;
  policy: Policy;
}

/** What may change in a key that is there. What is left out stays; a policy is replaced as a whole. */
export interface KeyChange {
  name?: string;
  scopes?: readonly string[];
  root?: string;
  /** null: no end. */
  expiresAtMs?: number | null;
  cloudConsent?: boolean;
  cloudBudgetUsdPerMonth?: number;
  policy?: Policy;
}

const LARGEST_BUDGET_USD = 1_000_000;

export const DEFAULT_SCOPES: Record<KeyKind, readonly Scope[]> = {
  client: ['agent', 'memory:read', 'memory:write'],
  admin: SCOPES,
};

export function parseKeyRequest(request: CreateKeyRequest, nowMs: number): CheckedKeyRequest {
  const kind = KEY_KINDS.find((candidate) => candidate === (request.kind ?? 'client'));
  if (kind === undefined) throw invalid(`"${request.kind}" is not a kind of key`, 'Use client or admin');
  return {
    name: parseName(request.name),
    kind,
    scopes: parseScopes(request.scopes ?? DEFAULT_SCOPES[kind], kind),
    root: parseRoot(request.root ?? 'default'),
    expiresAtMs: parseExpiry(request.expiresAtMs, nowMs),
    cloudConsent: request.cloudConsent ?? false,
    cloudBudgetUsdPerMonth: parseBudget(request.cloudBudgetUsdPerMonth ?? 0),
    policy: parsePolicy(request.policy ?? {}),
  };
}

/** What the key is after the change. Throws INVALID_INPUT. Its end may lie in the past: that ends it, or undoes a change. */
export function parseKeyChange(change: KeyChange, key: CheckedKeyRequest): CheckedKeyRequest {
  const { expiresAtMs = key.expiresAtMs, cloudBudgetUsdPerMonth: budget } = change;
  if (expiresAtMs !== null && !Number.isSafeInteger(expiresAtMs)) throw noExpiry();
  return {
    name: change.name === undefined ? key.name : parseName(change.name),
    kind: key.kind,
    scopes: change.scopes === undefined ? key.scopes : parseScopes(change.scopes, key.kind),
    root: change.root === undefined ? key.root : parseRoot(change.root),
    expiresAtMs,
    cloudConsent: change.cloudConsent ?? key.cloudConsent,
    cloudBudgetUsdPerMonth: budget === undefined ? key.cloudBudgetUsdPerMonth : parseBudget(budget),
    policy: change.policy === undefined ? key.policy : parsePolicy(change.policy),
  };
}

function parseName(name: string): string {
  const trimmed = name.trim();
  if (/^[\p{L}\p{N}][\p{L}\p{N} ._@/-]{0,63}$/u.test(trimmed)) return trimmed;
  throw invalid(
    'The name of a key has 1 to 64 letters, digits, spaces or . _ @ / -, and starts with a letter or digit',
    'Name it after the client that uses it, for example "claude laptop"',
  );
}

function parseScopes(scopes: readonly string[], kind: KeyKind): readonly Scope[] {
  const unknown = scopes.find((scope) => !SCOPES.some((known) => known === scope));
  if (unknown !== undefined) throw invalid(`"${unknown}" is not a scope`, `Known scopes: ${SCOPES.join(', ')}`);
  if (scopes.length === 0) throw invalid('A key needs at least one scope', `Known scopes: ${SCOPES.join(', ')}`);
  const wanted = SCOPES.filter((known) => scopes.includes(known));
  if (kind === 'client' && wanted.some((scope) => scope.startsWith('admin:'))) {
    throw invalid('A client key cannot have admin scopes', 'Make an admin key: kind admin');
  }
  return wanted;
}

function parseRoot(root: string): string {
  if (/^[a-z0-9][a-z0-9_-]{0,62}$/.test(root)) return root;
  throw invalid(
    `"${root.slice(0, 40)}" is not the name of a memory root`,
    'Use at most 32 lower-case letters, digits, - and _',
  );
}

function parseExpiry(expiresAtMs: number | undefined, nowMs: number): number | null {
  if (expiresAtMs === undefined) return null;
  if (Number.isSafeInteger(expiresAtMs) && expiresAtMs > nowMs) return expiresAtMs;
  throw noExpiry();
}

function noExpiry(): AppError {
  return invalid('A key must expire in the future', 'Give a duration such as 90d, or none for a key without an end');
}

/** Dollars, kept to the micro-dollar. */
function parseBudget(usd: number): number {
  if (Number.isFinite(usd) && usd >= 0 && usd <= LARGEST_BUDGET_USD) return toUsd(toMicroUsd(usd));
  throw invalid(
    'The cloud budget is dollars a month, 0 or more',
    `Give a number up to ${LARGEST_BUDGET_USD}, for example 5`,
  );
}

function invalid(message: string, hint: string): AppError {
  return new AppError('INVALID_INPUT', message, { hint });
}
