// The part of a client's address that one party holds: an IPv4 address as it is, of IPv6 the /64 a customer gets. Whoever
// counts by address counts by this, or a single machine has 2^64 of them.

import ipaddr from 'ipaddr.js';

const NETWORK_GROUPS = 4;

/** What is no address (`unix`) stays as it is. */
export function addressBlock(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString();
  const network = parsed.parts.slice(0, NETWORK_GROUPS).map((group) => group.toString(16));
  return `${network.join(':')}::/64`;
}
