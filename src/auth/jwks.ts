// The public keys of an identity provider, fetched when they are needed and kept while it is away.
// Guarantees: an unknown key id or an old set causes one fetch, and at most one in half a minute whatever tokens come; keys
// that were good stay so for the grace, never longer; no redirect is followed and no answer above the cap is read.

import { createLocalJWKSet, errors, type CryptoKey, type JWSHeaderParameters } from 'jose';
import { z } from 'zod';
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';

export interface JwksOptions {
  issuer: string;
  /** Empty: as the issuer's own metadata says. */
  jwksUrl: string;
  /** How long keys are believed while no new ones can be had. */
  graceMs: number;
  clock: Clock;
  /** Told of each fetch that failed. */
  onFetchFailed?(reason: string): void;
}

export interface Jwks {
  /**
   * The keys that may have signed a token with this header: none for an unknown id, several where the provider gave one id
   * twice. Throws IDENTITY_UNAVAILABLE while there are no keys to judge by.
   */
  keysFor(header: JWSHeaderParameters): Promise<CryptoKey[]>;
}

interface KeySet {
  resolve: ReturnType<typeof createLocalJWKSet>;
  fetchedMs: number;
}

/** After that a new set is asked for; a key that was taken out is believed no longer. */
const FRESH_MS = 600_000;
const BETWEEN_FETCHES_MS = 30_000;
const FETCH_TIMEOUT_MS = 5000;
const MAX_BYTES = 262_144;
const MAX_KEYS = 100;

const jwksSchema = z.looseObject({ keys: z.array(z.looseObject({ kty: z.string() })).max(MAX_KEYS) });
const metadataSchema = z.looseObject({ issuer: z.string(), jwks_uri: z.url() });

export function createJwks(options: JwksOptions): Jwks {
  const { clock } = options;
  let current: KeySet | undefined;
  let lastFetchMs = -Infinity;
  let fetching: Promise<void> | undefined;

  const mayFetch = (): boolean => clock.monotonicMs() - lastFetchMs >= BETWEEN_FETCHES_MS;

  /** One at a time; never fails, because who waits for it looks at what there is then. */
  function refresh(): Promise<void> {
    fetching ??= fetchKeys().finally(() => (fetching = undefined));
    return fetching;
  }

  async function fetchKeys(): Promise<void> {
    lastFetchMs = clock.monotonicMs();
    try {
      const url = options.jwksUrl === '' ? await discoverJwksUrl(options.issuer) : options.jwksUrl;
      const jwks = jwksSchema.parse(await fetchJson(url));
      current = { resolve: createLocalJWKSet(jwks), fetchedMs: clock.monotonicMs() };
    } catch (error) {
      options.onFetchFailed?.(error instanceof z.ZodError ? 'the answer is no key set' : reasonOf(error));
    }
  }

  async function keysFor(header: JWSHeaderParameters): Promise<CryptoKey[]> {
    if (fetching !== undefined && current === undefined) await fetching;
    if (current === undefined && mayFetch()) await refresh();
    const ageMs = current === undefined ? Infinity : clock.monotonicMs() - current.fetchedMs;
    // Whoever asks does not wait for news of keys that are still believed.
    if (ageMs > FRESH_MS && ageMs <= FRESH_MS + options.graceMs && mayFetch()) void refresh();
    if (ageMs > FRESH_MS + options.graceMs && mayFetch()) await refresh();
    const found = await matching(believed(), header);
    if (found.length > 0 || !(mayFetch() || fetching !== undefined)) return found;
    await refresh();
    return matching(believed(), header);
  }

  function believed(): KeySet {
    if (current !== undefined && clock.monotonicMs() - current.fetchedMs <= FRESH_MS + options.graceMs) return current;
    throw new AppError(
      'IDENTITY_UNAVAILABLE',
      'The keys of the identity provider cannot be had, so no token can be judged',
      {
        hint: 'Try again in a moment, or use an API key',
        retryAfterS: BETWEEN_FETCHES_MS / 1000,
      },
    );
  }

  return { keysFor };
}

async function matching({ resolve }: KeySet, header: JWSHeaderParameters): Promise<CryptoKey[]> {
  try {
    return [await resolve(header)];
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) return await Array.fromAsync(error);
    // No such key, or one of a kind that fits no algorithm.
    if (error instanceof errors.JOSEError) return [];
    throw error;
  }
}

/** OpenID Connect puts its metadata behind the issuer's path, RFC 8414 in front of it. */
async function discoverJwksUrl(issuer: string): Promise<string> {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const places = [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
  let failure: unknown;
  for (const place of places) {
    try {
      const metadata = metadataSchema.parse(await fetchJson(place));
      if (metadata.issuer !== issuer) throw new Error('the metadata is of another issuer');
      const isPlain = metadata.jwks_uri.startsWith('http://');
      if (isPlain && !issuer.startsWith('http://')) throw new Error('the metadata names keys without TLS');
      return metadata.jwks_uri;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function fetchJson(url: string): Promise<unknown> {
  const response = await fetch(url, {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`HTTP ${response.status}`);
  }
  return JSON.parse(await readCapped(response));
}

async function readCapped(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > MAX_BYTES) throw new Error(`the answer is above ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it failed';
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${error.message}${cause}`;
}
