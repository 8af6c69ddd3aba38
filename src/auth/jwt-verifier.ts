// Judges the access tokens of one identity provider: signature, issuer, audience (RFC 8707: this very server), type, times.
// Guarantees: the allow-list decides the algorithm before any key is looked for, so `none` and HMAC never pass; a token made
// for somebody else, or for something else, is refused; nothing of a token is kept or logged.

import {
  compactVerify,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type CryptoKey,
  type JWTPayload,
  type ProtectedHeaderParameters,
} from 'jose';
import type { Clock } from '../lib/clock.ts';
import type { Jwks } from './jwks.ts';
import { principalOfClaims, type ClaimMapping } from './jwt-principal.ts';
import type { Principal } from './principal.ts';

export const JWT_FAILURES = [
  'jwt_malformed',
  'jwt_algorithm',
  'jwt_type',
  'jwt_issuer',
  'jwt_audience',
  'jwt_expired',
  'jwt_not_yet',
  'jwt_signature',
  'jwt_claims',
] as const;
export type JwtFailure = (typeof JWT_FAILURES)[number];

export interface JwtVerifierOptions extends ClaimMapping {
  /** What the token must be for. */
  audience: string;
  algorithms: readonly string[];
  clockToleranceMs: number;
  jwks: Jwks;
  clock: Clock;
}

export interface JwtVerifier {
  /** Throws IDENTITY_UNAVAILABLE while no token can be judged. */
  verify(token: string): Promise<Principal | { failure: JwtFailure }>;
}

/** Real ones are below 8 KiB, groups and all. */
const MAX_LENGTH = 12_288;
/** RFC 9068, and what most providers write; some write none. */
const TYPES: ReadonlySet<string> = new Set(['at+jwt', 'application/at+jwt', 'jwt']);

export function createJwtVerifier(options: JwtVerifierOptions): JwtVerifier {
  return {
    async verify(token) {
      const read = readToken(token);
      if (read === undefined) return { failure: 'jwt_malformed' };
      const failure = headerFailure(read.header, options) ?? claimsFailure(read.claims, options);
      if (failure !== undefined) return { failure };
      const keys = await options.jwks.keysFor({ ...read.header, alg: read.header.alg ?? '' });
      if (!(await isSigned(token, keys, options.algorithms))) return { failure: 'jwt_signature' };
      const principal = principalOfClaims(read.claims, options);
      if (principal === undefined) return { failure: 'jwt_claims' };
      return { ...principal, expiresAtMs: Number(read.claims.exp) * 1000 + options.clockToleranceMs };
    },
  };
}

function readToken(token: string): { header: ProtectedHeaderParameters; claims: JWTPayload } | undefined {
  if (token.length > MAX_LENGTH || token.split('.').length !== 3) return undefined;
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}

function headerFailure(header: ProtectedHeaderParameters, { algorithms }: JwtVerifierOptions): JwtFailure | undefined {
  if (typeof header.alg !== 'string' || !algorithms.includes(header.alg)) return 'jwt_algorithm';
  if (header.typ !== undefined && !(typeof header.typ === 'string' && TYPES.has(header.typ.toLowerCase()))) {
    return 'jwt_type';
  }
  // An extension that must be understood, and isn't; a payload that is no JSON in base64url.
  return header.crit !== undefined || header.b64 !== undefined ? 'jwt_malformed' : undefined;
}

/** Before the signature, because it costs nothing; what it finds is told to nobody but the log. */
function claimsFailure(claims: JWTPayload, options: JwtVerifierOptions): JwtFailure | undefined {
  const { iss, aud, exp, nbf, iat } = claims;
  const nowS = options.clock.nowMs() / 1000;
  const toleranceS = options.clockToleranceMs / 1000;
  if (iss !== options.issuer) return 'jwt_issuer';
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.includes(options.audience)) return 'jwt_audience';
  if (!Number.isFinite(exp) || !isTime(nbf) || !isTime(iat)) return 'jwt_claims';
  if (Number(exp) <= nowS - toleranceS) return 'jwt_expired';
  return Math.max(nbf ?? 0, iat ?? 0) > nowS + toleranceS ? 'jwt_not_yet' : undefined;
}

function isTime(value: unknown): boolean {
  return value === undefined || Number.isFinite(value);
}

/** Where a provider gave one id to several keys, any of them may have signed. */
async function isSigned(token: string, keys: readonly CryptoKey[], algorithms: readonly string[]): Promise<boolean> {
  for (const key of keys) {
    try {
      await compactVerify(token, key, { algorithms: [...algorithms] });
      return true;
    } catch (error) {
      if (!(error instanceof errors.JOSEError) && !(error instanceof TypeError)) throw error;
    }
  }
  return false;
}
