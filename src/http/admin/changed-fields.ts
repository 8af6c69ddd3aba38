// What a change did, as the audit keeps it: the fields that differ, before and after, as JSON.

export interface ChangedFields {
  before: string;
  after: string;
}

/** Fields whose value is the same are left out. */
export function changedFields(before: object, after: object): ChangedFields {
  const [old, now] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  const differing = [...new Set([...old.keys(), ...now.keys()])].filter(
    (name) => JSON.stringify(old.get(name)) !== JSON.stringify(now.get(name)),
  );
  const pick = (from: ReadonlyMap<string, unknown>): string =>
    JSON.stringify(Object.fromEntries(differing.map((name) => [name, from.get(name) ?? null])));
  return { before: pick(old), after: pick(now) };
}
