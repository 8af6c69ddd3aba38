// Who is at the other end. X-Forwarded-For counts only as far as each hop is a trusted proxy; a Unix socket's peer is one,
// because the file's permissions let it in.
import ipaddr from 'ipaddr.js';
import type { MiddlewareHandler } from 'hono';
import { AppError } from '../../lib/app-error.ts';
import { headerOf, type HttpEnv } from '../env.ts';

export type AddressTest = (address: string) => boolean;

/** Parses CIDRs (or single addresses) once; an entry that is none is a configuration error. */
export function parseTrustedProxies(cidrs: readonly string[], key = 'http.trusted_proxies'): AddressTest {
  const ranges = cidrs.map((text) => parseRange(text, key));
  return (address) => {
    if (ranges.length === 0 || !ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return ranges.some(([base, bits]) => base.kind() === parsed.kind() && parsed.match(base, bits));
  };
}

function parseRange(text: string, key: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  if (ipaddr.isValid(text)) {
    const address = ipaddr.process(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  }
  throw new AppError('CONFIG_INVALID', `${key}: "${text}" is neither an address nor a CIDR range`, {
    hint: 'Write for example "10.0.0.0/8" or "::1/128"',
  });
}

/** 127.0.0.0/8, ::1 and their IPv4-mapped forms. */
export function isLoopbackAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback';
}

/** The rightmost hop that is not a trusted proxy; anything unreadable ends the walk at the last good hop. */
export function resolveClientAddress(peer: string, forwardedFor: string | undefined, isTrusted: AddressTest): string {
  if (forwardedFor === undefined || (peer !== 'unix' && !isTrusted(peer))) return peer;
  let client = peer;
  for (const hop of forwardedFor.split(',').toReversed()) {
    const address = hop.trim();
    if (!ipaddr.isValid(address)) return client;
    client = ipaddr.process(address).toString();
    if (!isTrusted(client)) return client;
  }
  return client;
}

export function clientAddress(isTrusted: AddressTest): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const socket = c.env.incoming?.socket;
    const peer = socket?.remoteAddress ?? 'unix';
    const forwardedFor = headerOf(c, 'x-forwarded-for');
    const client = resolveClientAddress(peer, forwardedFor, isTrusted);
    const throughProxy = forwardedFor !== undefined || headerOf(c, 'forwarded') !== undefined;
    const trustsPeer = peer === 'unix' || isTrusted(peer);
    c.set('clientAddress', client);
    c.set(
      'isLocal',
      (client === 'unix' || isLoopbackAddress(client)) && (!throughProxy || (trustsPeer && forwardedFor !== undefined)),
    );
    await next();
  };
}
