// Policies from outside and from the database. Guarantees: what doesn't fit the schema is refused with the field named, or, when it
// was stored, gives nothing at all.
import { AppError } from '../lib/app-error.ts';
import { policySchema, type Policy } from './policy.ts';

/** Throws INVALID_INPUT. */
export function parsePolicy(input: unknown): Policy {
  const parsed = policySchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues
    .slice(0, 5)
    .map(({ path, message }) => `${path.join('.') || 'policy'}: ${message}`);
  throw new AppError('INVALID_INPUT', `The policy is wrong: ${faults.join('; ')}`, {
    hint: 'It may have owner, labels, readPaths, writePaths, tools, cidrs and limits',
  });
}

/** null: nobody can say what it allows, so it allows nothing. */
export function parseStoredPolicy(text: string): Policy | null {
  try {
    return policySchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
