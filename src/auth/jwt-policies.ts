// The file that gives the groups of an identity provider their policies: {"default": POLICY, "groups": {"NAME": POLICY}}.
// The first group in the file that a caller belongs to decides; without a default, whoever is in none is refused.

import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { AppError } from '../lib/app-error.ts';
import { policySchema, type Policy } from './policy.ts';

export interface JwtPolicies {
  default: Policy | undefined;
  groups: readonly (readonly [name: string, policy: Policy])[];
}

const fileSchema = z.strictObject({
  default: policySchema.optional(),
  groups: z.record(z.string().min(1).max(256), policySchema).default({}),
});

/** Throws CONFIG_INVALID naming what is wrong. */
export function readJwtPolicies(file: string): JwtPolicies {
  try {
    const parsed = fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    return { default: parsed.default, groups: Object.entries(parsed.groups) };
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : 'it cannot be read as JSON';
    throw new AppError('CONFIG_INVALID', `jwt.policies_file: ${file}: ${reason}`, {
      hint: 'Write it as {"default": {…}, "groups": {"team": {"limits": {"requestsPerMinute": 60}}}}',
      cause: error,
    });
  }
}
