// An identity provider on loopback: metadata, a key set over real HTTP, and tokens signed as a test wants them, wrong ones too.
// Guarantee: counts every fetch of its keys, and can be made to fail.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';

export interface SignOptions {
  /** Default: the latest key. */
  kid?: string;
  header?: Record<string, unknown>;
  claims?: JWTPayload;
}

export interface IdentityProvider extends AsyncDisposable {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** Requests for the key set so far. */
  readonly fetches: number;
  /** `slow` never answers. */
  mode: 'up' | 'down' | 'slow' | 'garbage' | 'redirect' | 'huge' | 'other-issuer';
  /** Adds a key to the set and signs with it from now on. */
  addKey(kid: string, alg?: string): Promise<void>;
  removeKey(kid: string): void;
  /** Signs with the key of this kid that was made last, also one that is in the set no more. */
  sign(options?: SignOptions): Promise<string>;
  publicKeyOf(kid: string): JWK;
}

export const AUDIENCE = 'https://mem.example/mcp';

/** `nowMs` is the clock the tokens are made by. */
export async function startIdentityProvider(nowMs: () => number = () => Date.now()): Promise<IdentityProvider> {
  const published: JWK[] = [];
  const keys = new Map<string, { privateKey: CryptoKey; alg: string; jwk: JWK }>();
  let latest = '';
  let fetches = 0;
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (path === '/jwks') fetches += 1;
    if (provider.mode === 'slow') return;
    const json = (status: number, body: unknown): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (provider.mode === 'down') return json(503, { error: 'down' });
    if (provider.mode === 'redirect') return void response.writeHead(302, { location: '/jwks?again' }).end();
    if (path.startsWith('/realm/.well-known/openid-configuration')) {
      const issuer = provider.mode === 'other-issuer' ? 'https://evil.example' : provider.issuer;
      return json(200, { issuer, jwks_uri: provider.jwksUrl });
    }
    if (path !== '/jwks') return json(404, {});
    if (provider.mode === 'garbage') return void response.writeHead(200).end('<html>');
    if (provider.mode === 'huge') return json(200, { keys: [], padding: 'x'.repeat(300_000) });
    return json(200, { keys: published });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const keyOf = (kid: string): { privateKey: CryptoKey; alg: string; jwk: JWK } => {
    const key = keys.get(kid);
    if (key === undefined) throw new Error(`no key ${kid}`);
    return key;
  };
  const provider: IdentityProvider = {
    issuer: `${origin}/realm`,
    jwksUrl: `${origin}/jwks`,
    get fetches() {
      return fetches;
    },
    mode: 'up',
    async addKey(kid, alg = 'RS256') {
      const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
      const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
      published.push(jwk);
      keys.set(kid, { privateKey, alg, jwk });
      latest = kid;
    },
    removeKey(kid) {
      for (let index = published.length - 1; index >= 0; index -= 1)
        if (published[index]?.kid === kid) published.splice(index, 1);
    },
    async sign({ kid = latest, header = {}, claims = {} } = {}) {
      const { privateKey, alg } = keyOf(kid);
      const nowS = Math.floor(nowMs() / 1000);
      const usual = {
        iss: provider.issuer,
        aud: AUDIENCE,
        sub: 'kim',
        iat: nowS,
        exp: nowS + 300,
        scope: 'agent memory:read',
      };
      return await new SignJWT({ ...usual, ...claims })
        .setProtectedHeader({ alg, kid, typ: 'at+jwt', ...header })
        .sign(privateKey);
    },
    publicKeyOf: (kid) => keyOf(kid).jwk,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
  return provider;
}

/** A token as it must not be: header and claims as given, the signature any text. */
export function forge(header: object, claims: object, signature = ''): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(claims)}.${signature}`;
}
