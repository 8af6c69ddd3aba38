// What `WWW-Authenticate` says: that a bearer token is needed, what was wrong with it, and, only where an identity provider is
// configured and only to who shows no API key, where OAuth begins (RFC 9728): clients drop a configured key once they see that.
import type { Principal, Scope } from '../../auth/principal.ts';
import type { HttpContext } from '../env.ts';

/** This daemon as a resource of an identity provider. */
export interface ProtectedResource {
  /** What its tokens are for (RFC 8707). */
  resource: string;
  issuer: string;
  scopes: readonly Scope[];
  /** Before our scopes in the provider's. */
  scopePrefix: string;
}

const METADATA_PATH = '/.well-known/oauth-protected-resource';

/** The resource's own path goes behind the well-known one. */
export function metadataUrl(resource: string): string {
  const { origin, pathname } = new URL(resource);
  return `${origin}${METADATA_PATH}${pathname === '/' ? '' : pathname}`;
}

/** Where the metadata is served: at the root for clients that look there first, and for the resource's path. */
export function metadataPaths({ resource }: ProtectedResource): string[] {
  return [...new Set([METADATA_PATH, `${METADATA_PATH}/mcp`, new URL(metadataUrl(resource)).pathname])];
}

export function metadataBody({ resource, issuer, scopes, scopePrefix }: ProtectedResource): Record<string, unknown> {
  return {
    resource,
    resource_name: 'mem-agent',
    authorization_servers: [issuer],
    scopes_supported: scopes.map((scope) => `${scopePrefix}${scope}`),
    bearer_methods_supported: ['header'],
  };
}

/** `token` is what the client showed, if it showed anything. */
export function tokenChallenge(c: HttpContext, token: string | undefined): string {
  const protectedResource = c.get('protectedResource');
  return challenge([
    token === undefined ? undefined : 'error="invalid_token"',
    protectedResource === undefined || isApiKey(token) ? undefined : metadataPart(protectedResource),
  ]);
}

/** Names every scope the client should ask for: with a token of an identity provider, those it has included. */
export function scopeChallenge(c: HttpContext, needed: readonly Scope[]): string {
  const protectedResource = c.get('protectedResource');
  // Where a key stands in the body (the page's sign-in) no caller is set.
  const principal: Principal | undefined = c.get('principal');
  if (protectedResource === undefined || principal?.kind !== 'jwt') {
    return challenge(['error="insufficient_scope"', `scope="${needed.join(' ')}"`]);
  }
  const all = [...new Set([...needed, ...principal.scopes])].map((scope) => `${protectedResource.scopePrefix}${scope}`);
  return challenge(['error="insufficient_scope"', `scope="${all.join(' ')}"`, metadataPart(protectedResource)]);
}

export function isApiKey(token: string | undefined): boolean {
  return token?.startsWith('mema_') === true;
}

function metadataPart({ resource }: ProtectedResource): string {
  return `resource_metadata="${metadataUrl(resource)}"`;
}

function challenge(parts: readonly (string | undefined)[]): string {
  return `Bearer ${['realm="mem-agent"', ...parts.filter((part) => part !== undefined)].join(', ')}`;
}
