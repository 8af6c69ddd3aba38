// Who is calling and what they may do. API keys and the local socket map to the same shape.

export const SCOPES = ['agent', 'memory:read', 'memory:write', 'metrics', 'admin:read', 'admin:write'] as const;
export type Scope = (typeof SCOPES)[number];

export interface Principal {
  kind: 'key' | 'local';
  /** Key id (`k_…`), or `local` for the admin socket. Safe to log and to audit. */
  id: string;
  name: string;
  scopes: ReadonlySet<Scope>;
  /** Name of the memory root; `default` until there are several. */
  root: string;
}

/** The caller on the admin socket: the file's permissions are the authority. */
export const localPrincipal: Principal = {
  kind: 'local',
  id: 'local',
  name: 'local socket',
  scopes: new Set(SCOPES),
  root: 'default',
};
