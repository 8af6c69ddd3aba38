// Who is calling and what they may do. API keys and the local socket map to the same shape.

import type { Limits, Policy } from './policy.ts';

export const SCOPES = ['agent', 'memory:read', 'memory:write', 'metrics', 'admin:read', 'admin:write'] as const;
export type Scope = (typeof SCOPES)[number];

export interface Principal {
  kind: 'key' | 'jwt' | 'local';
  /** Key id (`k_…`), or `local` for the admin socket. Safe to log and to audit. */
  id: string;
  name: string;
  scopes: ReadonlySet<Scope>;
  /** Name of the memory root; `default` until there are several. */
  root: string;
  /** When its token is good no more; left out, the keys say how long it is. */
  expiresAtMs?: number;
  /** What it may do beyond its scopes; left out, its scopes alone decide. */
  policy?: Policy;
  /** What may leave this machine for this caller; left out, nothing may. */
  cloud?: CloudRights;
}

export interface CloudRights {
  readonly consent: boolean;
  readonly budgetUsdPerMonth: number;
  /** Whose spending counts: a key and all it was rotated from or to are one account. */
  readonly account: string;
}

/** The local caller with what the configuration lets it send to cloud models. */
export function withLocalCloud(principal: Principal, cloud: Omit<CloudRights, 'account'>): Principal {
  return principal.kind === 'local' ? { ...principal, cloud: { ...cloud, account: principal.id } } : principal;
}

/** Whose limits and budgets count: a key and all it was rotated from or to are one account. */
export function accountOf(principal: Pick<Principal, 'id' | 'cloud'>): string {
  return principal.cloud?.account ?? principal.id;
}

/** What a caller's own policy leaves open is limited as the configuration says; the operator's own socket is not. */
export function withDefaultLimits(principal: Principal, defaults: Limits): Principal {
  if (principal.kind === 'local') return principal;
  const own = principal.policy?.limits;
  const toolCallsPerMinute = { ...defaults.toolCallsPerMinute, ...own?.toolCallsPerMinute };
  return { ...principal, policy: { ...principal.policy, limits: { ...defaults, ...own, toolCallsPerMinute } } };
}

/** The caller on the admin socket: the file's permissions are the authority. */
export const localPrincipal: Principal = {
  kind: 'local',
  id: 'local',
  name: 'local socket',
  scopes: new Set(SCOPES),
  root: 'default',
};
