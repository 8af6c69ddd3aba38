// What the claims of a token say of its bearer: who, which scopes, which root, which policy. Claims come from the operator's
// own identity provider and are still only read as far as they fit: what is unknown gives nothing, what is malformed refuses.

import { hash } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { JwtPolicies } from './jwt-policies.ts';
import { policySchema, type Policy } from './policy.ts';
import { SCOPES, type Principal, type Scope } from './principal.ts';

export interface ClaimMapping {
  issuer: string;
  /** Before our scopes in the provider's: `mem:` makes `mem:agent` the scope `agent`. */
  scopePrefix: string;
  /** Empty: `scope`, then `scp`. */
  scopeClaim: string;
  /** Names the memory root; empty: `root` for everybody. */
  rootClaim: string;
  root: string;
  /** Holds a policy as an object; empty: none does. */
  policyClaim: string;
  groupsClaim: string;
  policies: JwtPolicies | undefined;
  cloudConsent: boolean;
  cloudBudgetUsd: number;
}

/** What a log line and an audit record may show as it is. */
const PLAIN_SUBJECT = /^[A-Za-z0-9._@|:+-]{1,128}$/;
const ROOT_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Undefined when a claim that decides something is missing or malformed. */
export function principalOfClaims(claims: JWTPayload, mapping: ClaimMapping): Principal | undefined {
  const { sub } = claims;
  if (typeof sub !== 'string' || sub === '' || sub.length > 255) return undefined;
  const root = mapping.rootClaim === '' ? mapping.root : claims[mapping.rootClaim];
  if (typeof root !== 'string' || !ROOT_NAME.test(root)) return undefined;
  const policy = policyOf(claims, mapping);
  if (policy === undefined) return undefined;
  const subject = PLAIN_SUBJECT.test(sub) ? sub : `~${digest(sub)}`;
  const id = `jwt:${digest(mapping.issuer).slice(0, 8)}:${subject}`;
  return {
    kind: 'jwt',
    id,
    name: subject,
    scopes: new Set(scopesOf(claims, mapping)),
    root,
    policy,
    cloud: { consent: mapping.cloudConsent, budgetUsdPerMonth: mapping.cloudBudgetUsd, account: id },
  };
}

function scopesOf(claims: JWTPayload, { scopeClaim, scopePrefix }: ClaimMapping): Scope[] {
  const value = scopeClaim === '' ? (claims['scope'] ?? claims['scp']) : claims[scopeClaim];
  const words = stringsOf(typeof value === 'string' ? value.split(' ') : value);
  return SCOPES.filter((scope) => words.includes(`${scopePrefix}${scope}`));
}

/** A claim of its own first, then the first of its groups that the operator has listed. */
function policyOf(claims: JWTPayload, { policyClaim, groupsClaim, policies }: ClaimMapping): Policy | undefined {
  const claimed = policyClaim === '' ? undefined : claims[policyClaim];
  if (claimed !== undefined) return policySchema.safeParse(claimed).data;
  if (policies === undefined) return {};
  const groups = stringsOf(claims[groupsClaim]);
  const [, listed] = policies.groups.find(([name]) => groups.includes(name)) ?? [];
  return listed ?? policies.default;
}

function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

function digest(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 22);
}
