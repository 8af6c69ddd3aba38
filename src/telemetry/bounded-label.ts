// Keeps a label's set of values small, whatever a client sends: known names pass, the rest is `other`.
// Guarantees: at most `limit` distinct values, so a hostile client cannot fill the registry.

export function createBoundedLabel(limit: number, known: readonly string[] = []): (value: string) => string {
  const knownValues = new Set(known);
  const seen = new Set<string>();
  return (value) => {
    if (knownValues.has(value) || seen.has(value)) return value;
    if (known.length > 0 || seen.size >= limit || !/^[\w./-]{1,64}$/.test(value)) return 'other';
    seen.add(value);
    return value;
  };
}

/** Methods of every protocol revision that is served. */
export const MCP_METHODS = [
  'initialize',
  'ping',
  'server/discover',
  'tools/list',
  'tools/call',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'prompts/list',
  'prompts/get',
  'completion/complete',
  'logging/setLevel',
  'subscriptions/listen',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
] as const;
