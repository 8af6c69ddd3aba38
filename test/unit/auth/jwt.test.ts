// Tokens of an identity provider, against a real key server on loopback: each wrong one gets the right answer, keys rotate, and
// an outage of the provider is survived for the grace and no longer.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { JWTPayload } from 'jose';
import { createJwks, type Jwks } from '../../../src/auth/jwks.ts';
import { principalOfClaims, type ClaimMapping } from '../../../src/auth/jwt-principal.ts';
import { createJwtVerifier, type JwtVerifier } from '../../../src/auth/jwt-verifier.ts';
import type { Principal } from '../../../src/auth/principal.ts';
import { AUDIENCE, forge, startIdentityProvider, type IdentityProvider } from '../../helpers/identity-provider.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.UTC(2026, 10, 24, 12);
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
let elapsedMs: number;
const clock = { nowMs: () => NOW_MS + elapsedMs, monotonicMs: () => elapsedMs };
let provider: IdentityProvider;
let failures: string[];
let verifier: JwtVerifier;
let mapping: ClaimMapping;

function jwksWith(jwksUrl: string): Jwks {
  const { issuer } = provider;
  return createJwks({
    issuer,
    jwksUrl,
    graceMs: 24 * HOUR_MS,
    clock,
    onFetchFailed: (reason) => failures.push(reason),
  });
}

function verifierWith(jwks: Jwks): JwtVerifier {
  const options = { audience: AUDIENCE, algorithms: ALGORITHMS, clockToleranceMs: 30_000, jwks, clock };
  return createJwtVerifier({ ...mapping, ...options });
}

beforeEach(async () => {
  elapsedMs = 0;
  failures = [];
  provider = await startIdentityProvider(() => clock.nowMs());
  await provider.addKey('first');
  mapping = {
    issuer: provider.issuer,
    scopePrefix: '',
    scopeClaim: '',
    rootClaim: '',
    root: 'default',
    policyClaim: '',
    groupsClaim: 'groups',
    policies: undefined,
    cloudConsent: false,
    cloudBudgetUsd: 0,
  };
  verifier = verifierWith(jwksWith(provider.jwksUrl));
});
afterEach(() => provider[Symbol.asyncDispose]());

async function outcome(token: string, by: JwtVerifier = verifier): Promise<string> {
  const verdict = await by.verify(token);
  return 'failure' in verdict ? verdict.failure : 'ok';
}

describe('a token', () => {
  for (const alg of ALGORITHMS) {
    test(`signed with ${alg} is taken`, async () => {
      await provider.addKey(alg, alg);
      const verdict = await verifier.verify(await provider.sign());
      assert.ok('id' in verdict, JSON.stringify(verdict));
      assert.deepEqual([verdict.kind, [...verdict.scopes], verdict.root], ['jwt', ['agent', 'memory:read'], 'default']);
      assert.match(verdict.id, /^jwt:[\w-]{8}:kim$/);
      assert.equal(verdict.cloud?.account, verdict.id);
    });
  }

  test('with a claim that does not fit is refused for that', async () => {
    const nowS = NOW_MS / 1000;
    const cases: [JWTPayload, string][] = [
      [{ iss: 'https://evil.example' }, 'jwt_issuer'],
      [{ iss: `${provider.issuer}/` }, 'jwt_issuer'],
      [{ aud: 'https://mem.example' }, 'jwt_audience'],
      [{ aud: [AUDIENCE, 'https://other.example'] }, 'ok'],
      [{ aud: ['https://other.example'] }, 'jwt_audience'],
      [{ aud: undefined as unknown as string }, 'jwt_audience'],
      [{ exp: nowS - 31 }, 'jwt_expired'],
      [{ exp: nowS - 29 }, 'ok'],
      [{ exp: undefined as unknown as number }, 'jwt_claims'],
      [{ exp: 'tomorrow' as unknown as number }, 'jwt_claims'],
      [{ nbf: nowS + 31 }, 'jwt_not_yet'],
      [{ nbf: nowS + 29 }, 'ok'],
      [{ iat: nowS + 31 }, 'jwt_not_yet'],
      [{ iat: '1' as unknown as number }, 'jwt_claims'],
      [{ sub: '' }, 'jwt_claims'],
      [{ sub: undefined as unknown as string }, 'jwt_claims'],
      [{ sub: 'x'.repeat(256) }, 'jwt_claims'],
    ];
    for (const [claims, expected] of cases) {
      assert.equal(await outcome(await provider.sign({ claims })), expected, JSON.stringify(claims));
    }
  });

  test('of another type is refused; some providers write none', async () => {
    const types: [unknown, string][] = [
      ['JWT', 'ok'],
      ['application/at+jwt', 'ok'],
      [undefined, 'ok'],
      ['logout+jwt', 'jwt_type'],
      ['dpop+jwt', 'jwt_type'],
      [7, 'jwt_type'],
    ];
    for (const [typ, expected] of types)
      assert.equal(await outcome(await provider.sign({ header: { typ } })), expected);
    const claims = { iss: provider.issuer, aud: AUDIENCE, sub: 'kim', exp: NOW_MS / 1000 + 60 };
    assert.equal(await outcome(forge({ alg: 'RS256', kid: 'first', crit: ['exp'], exp: 1 }, claims)), 'jwt_malformed');
    assert.equal(await outcome(forge({ alg: 'RS256', kid: 'first', b64: false }, claims)), 'jwt_malformed');
  });

  test('without a signature of the provider is refused: none, HMAC with its public key, another key, a changed claim', async () => {
    const claims = { iss: provider.issuer, aud: AUDIENCE, sub: 'kim', exp: NOW_MS / 1000 + 60, scope: 'admin:write' };
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', undefined, 'HS256', 'RS1']) {
      assert.equal(await outcome(forge({ alg, kid: 'first' }, claims)), 'jwt_algorithm', String(alg));
    }
    const unsigned = forge({ alg: 'HS256', kid: 'first' }, claims).slice(0, -1);
    for (const secret of [JSON.stringify(provider.publicKeyOf('first')), String(provider.publicKeyOf('first').n)]) {
      const mac = createHmac('sha256', secret).update(unsigned).digest('base64url');
      assert.equal(await outcome(`${unsigned}.${mac}`), 'jwt_algorithm');
    }
    assert.equal(await outcome(forge({ alg: 'RS256', kid: 'first' }, claims)), 'jwt_signature');
    const good = (await provider.sign()).split('.');
    const other = (await provider.sign({ claims: { scope: 'admin:write' } })).split('.');
    assert.equal(await outcome([good[0], other[1], good[2]].join('.')), 'jwt_signature');
    await provider.addKey('foreign');
    provider.removeKey('foreign');
    assert.equal(await outcome(await provider.sign({ kid: 'foreign', header: { kid: 'first' } })), 'jwt_signature');
    // A key in the token itself is never looked at.
    const jwk = provider.publicKeyOf('foreign');
    assert.equal(
      await outcome(await provider.sign({ kid: 'foreign', header: { kid: 'first', jwk } })),
      'jwt_signature',
    );
    await provider.addKey('weak', 'ES384');
    assert.equal(await outcome(await provider.sign({ kid: 'weak' })), 'jwt_algorithm');
  });

  test('that is none, or far too long, costs no key', async () => {
    const huge = await provider.sign({
      claims: { groups: Array.from({ length: 2000 }, (_, index) => `group-${index}`) },
    });
    assert.ok(huge.length > 12_288);
    for (const text of [
      huge,
      '',
      '.',
      '..',
      'a.b',
      'a.b.c',
      'e30.e30',
      'e30.e30.',
      `${'x'.repeat(9000)}.e30.x`,
      '[].[].x',
    ]) {
      assert.ok(['jwt_malformed', 'jwt_algorithm'].includes(await outcome(text)), text.slice(0, 20));
    }
    assert.equal(provider.fetches, 0);
  });
});

describe('keys', () => {
  test('are fetched once, and again for a key that is new; unknown ones cause one fetch in half a minute', async () => {
    const before = await provider.sign();
    await Promise.all(Array.from({ length: 50 }, async () => assert.equal(await outcome(before), 'ok')));
    assert.equal(provider.fetches, 1);
    await provider.addKey('second');
    const after = await provider.sign();
    assert.equal(await outcome(after), 'jwt_signature', 'within the half minute nothing is asked for');
    elapsedMs += 30_000;
    assert.equal(await outcome(after), 'ok');
    assert.equal(provider.fetches, 2);
    elapsedMs += 30_000;
    const flood = await Promise.all(
      Array.from({ length: 200 }, async (_, index) =>
        outcome(await provider.sign({ header: { kid: `made-up-${index}` } })),
      ),
    );
    assert.ok(flood.every((result) => result === 'jwt_signature'));
    assert.equal(provider.fetches, 3);
    assert.equal(await outcome(before), 'ok');
  });

  test('that were taken out are believed until the next look', async () => {
    const token = (): Promise<string> => provider.sign({ kid: 'first' });
    assert.equal(await outcome(await token()), 'ok');
    await provider.addKey('second');
    provider.removeKey('first');
    elapsedMs += 600_001;
    assert.equal(await outcome(await provider.sign({ kid: 'second' })), 'ok');
    assert.equal(await outcome(await token()), 'jwt_signature');
  });

  test('with one id twice: whichever signed is found', async () => {
    const first = await provider.sign();
    await provider.addKey('first');
    const second = await provider.sign();
    assert.deepEqual([await outcome(first), await outcome(second)], ['ok', 'ok']);
    await provider.addKey('alien');
    provider.removeKey('alien');
    assert.equal(await outcome(await provider.sign({ kid: 'alien', header: { kid: 'first' } })), 'jwt_signature');
  });

  test('outlive an outage of their server for the grace, and come back with it', async () => {
    assert.equal(await outcome(await provider.sign()), 'ok');
    for (const mode of ['down', 'garbage', 'redirect', 'huge'] as const) {
      provider.mode = mode;
      elapsedMs += 3 * HOUR_MS;
      assert.equal(await outcome(await provider.sign()), 'ok', mode);
      assert.equal(await outcome(await provider.sign({ header: { kid: 'unknown' } })), 'jwt_signature', mode);
    }
    assert.equal(failures.length, 4, failures.join('; '));
    elapsedMs += 12 * HOUR_MS + 600_001;
    const unavailable = { code: 'IDENTITY_UNAVAILABLE', status: 503, retryAfterS: 30 };
    await assert.rejects(outcome(await provider.sign()), unavailable);
    provider.mode = 'up';
    await assert.rejects(outcome(await provider.sign()), unavailable, 'not before it may be asked again');
    elapsedMs += 30_000;
    assert.equal(await outcome(await provider.sign()), 'ok');
  });

  test('that never came: nobody can be judged, and it is tried again', async () => {
    provider.mode = 'down';
    await assert.rejects(outcome(await provider.sign()), { code: 'IDENTITY_UNAVAILABLE' });
    provider.mode = 'up';
    elapsedMs += 30_000;
    assert.equal(await outcome(await provider.sign()), 'ok');
  });

  test('are found through the metadata of the issuer, and of no other', async () => {
    const discovering = verifierWith(jwksWith(''));
    provider.mode = 'other-issuer';
    await assert.rejects(outcome(await provider.sign(), discovering), { code: 'IDENTITY_UNAVAILABLE' });
    assert.equal(provider.fetches, 0);
    provider.mode = 'up';
    elapsedMs += 30_000;
    assert.equal(await outcome(await provider.sign(), discovering), 'ok');
  });
});

describe('claims', () => {
  const principal = (claims: JWTPayload, more: Partial<ClaimMapping> = {}): Principal | undefined =>
    principalOfClaims({ sub: 'kim', ...claims }, { ...mapping, ...more });

  test('give scopes that we know, with the prefix that was agreed, from either usual claim', () => {
    const scopes = (claims: JWTPayload, more?: Partial<ClaimMapping>): string[] => [
      ...(principal(claims, more)?.scopes ?? []),
    ];
    assert.deepEqual(scopes({ scope: 'openid memory:read agent root' }), ['agent', 'memory:read']);
    assert.deepEqual(scopes({ scp: ['memory:write', 7] }), ['memory:write']);
    assert.deepEqual(scopes({ scope: 'agent mem:memory:read' }, { scopePrefix: 'mem:' }), ['memory:read']);
    assert.deepEqual(scopes({ scope: 'agent', roles: ['metrics'] }, { scopeClaim: 'roles' }), ['metrics']);
    assert.deepEqual(scopes({}), []);
    assert.deepEqual(scopes({ scope: { agent: true } }), []);
  });

  test('give an id that is safe to log and tells callers and providers apart', () => {
    const ids = ['kim', 'kim@example.org', 'auth0|123', 'a b', 'a\nb', 'ä', `~${'x'.repeat(21)}`].map(
      (sub) => principal({ sub })?.id ?? '',
    );
    assert.equal(new Set(ids).size, ids.length);
    for (const id of ids) assert.match(id, /^jwt:[\w-]{8}:[A-Za-z0-9._@|:+~-]+$/);
    assert.notEqual(principal({}, { issuer: 'https://other.example' })?.id, principal({})?.id);
  });

  test('name a root only where that is agreed, and then they must', () => {
    assert.equal(principal({ root: 'team' })?.root, 'default');
    assert.equal(principal({ root: 'team' }, { rootClaim: 'root' })?.root, 'team');
    for (const root of [undefined, '', '../etc', 'UPPER', 7])
      assert.equal(principal({ root }, { rootClaim: 'root' }), undefined);
  });

  test('give a policy of their own or of the first listed group; what cannot be read refuses', () => {
    const limits = (requestsPerMinute: number): { limits: { requestsPerMinute: number } } => ({
      limits: { requestsPerMinute },
    });
    const policies = {
      default: undefined,
      groups: [
        ['staff', limits(60)],
        ['guests', limits(5)],
      ] as const,
    };
    const policy = (claims: JWTPayload, more?: Partial<ClaimMapping>): unknown => principal(claims, more)?.policy;
    assert.deepEqual(policy({}), {});
    assert.deepEqual(policy({ groups: ['guests', 'staff'] }, { policies }), limits(60));
    assert.equal(policy({ groups: ['others'] }, { policies }), undefined);
    assert.deepEqual(policy({ groups: 'staff' }, { policies: { ...policies, default: limits(1) } }), limits(1));
    assert.deepEqual(policy({ mem: limits(9), groups: ['staff'] }, { policyClaim: 'mem', policies }), limits(9));
    assert.equal(policy({ mem: { limits: { wrong: 1 } } }, { policyClaim: 'mem' }), undefined);
    assert.equal(policy({ mem: 'all' }, { policyClaim: 'mem' }), undefined);
  });
});
