// The identity provider, where one is configured: its keys, what its tokens give, and what clients are told of it.
import { createJwtVerifier, type JwtVerifier } from '../auth/jwt-verifier.ts';
import { createJwks } from '../auth/jwks.ts';
import { readJwtPolicies } from '../auth/jwt-policies.ts';
import type { Config } from '../config/config.ts';
import type { ProtectedResource } from '../http/middleware/bearer-challenge.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface Identity extends JwtVerifier {
  readonly protectedResource: ProtectedResource;
}

/** Undefined without `jwt.issuer`. Throws CONFIG_INVALID for policies that can't be read. */
export function openIdentity({ jwt }: Config, clock: Clock, logger: Logger): Identity | undefined {
  if (jwt.issuer === '') return undefined;
  const { issuer, audience, scopePrefix } = jwt;
  const jwks = createJwks({
    issuer,
    jwksUrl: jwt.jwksUrl,
    graceMs: jwt.jwksGraceMs,
    clock,
    onFetchFailed: (reason) =>
      logger.warn({ component: 'auth', issuer, reason }, 'the keys of the identity provider were not fetched'),
  });
  const verifier = createJwtVerifier({
    ...jwt,
    policies: jwt.policiesFile === '' ? undefined : readJwtPolicies(jwt.policiesFile),
    jwks,
    clock,
  });
  return {
    verify: (token) => verifier.verify(token),
    protectedResource: { resource: audience, issuer, scopePrefix, scopes: ['agent', 'memory:read', 'memory:write'] },
  };
}
