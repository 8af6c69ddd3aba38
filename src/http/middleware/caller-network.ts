// Where a key may be used from. Guarantee: it is asked after the key has proved good and before anything happens; an address that can't
// be read is in no network. A Unix socket's peer passes: the file's permissions let it in.
import ipaddr from 'ipaddr.js';
import type { Principal } from '../../auth/principal.ts';
import { AppError } from '../../lib/app-error.ts';

/** Null: it may call from there. */
export function networkRefusal({ policy }: Principal, address: string): AppError | null {
  const cidrs = policy?.cidrs;
  if (cidrs === undefined || address === 'unix' || cidrs.some((cidr) => holds(cidr, address))) return null;
  return new AppError('FORBIDDEN', 'This key may not be used from your network', {
    hint: 'Call from one of its networks, or have yours added: mem-agent keys set ID --cidr RANGE',
  });
}

function holds(cidr: string, address: string): boolean {
  if (!ipaddr.isValid(address) || !ipaddr.isValidCIDR(cidr)) return false;
  // An IPv4 caller of a dual-stack listener shows as ::ffff:a.b.c.d.
  const parsed = ipaddr.process(address);
  const [base, bits] = ipaddr.parseCIDR(cidr);
  return base.kind() === parsed.kind() && parsed.match(base, bits);
}
