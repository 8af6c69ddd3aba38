// What a caller may do beyond its scopes: paths, tools, networks, limits. API keys store it, an identity provider's claims map
// to it, the local socket has none of it. Guarantees: what is left out restricts nothing, an unknown field is refused.
import { z } from 'zod';

const count = z.number().int().min(1).max(1_000_000_000);
const MOST_LABELS = 50;
const dollars = z.number().min(0).max(1_000_000);
/** A note path or a folder with a trailing slash, relative to the root: `projects/`, `user.md`. */
const scopedPath = z
  .string()
  .min(1)
  .max(400)
  .refine(
    (path) => !path.startsWith('/') && !path.split('/').includes('..') && !path.includes('\0'),
    'a path inside the memory root: "projects/" for a folder with all below it, "user.md" for one note',
  );

export const limitsSchema = z.strictObject({
  /** Requests of any kind. */
  requestsPerMinute: count.optional(),
  /** Questions to the agent that run at once; more wait their turn. */
  concurrentRuns: count.optional(),
  /** Tokens in and out, by UTC day and by UTC month. */
  tokensPerDay: count.optional(),
  tokensPerMonth: count.optional(),
  /** Cost of models, by UTC day and by UTC month. */
  usdPerDay: dollars.optional(),
  usdPerMonth: dollars.optional(),
  /** Calls a minute of one tool, by its name. */
  toolCallsPerMinute: z.record(z.string().min(1).max(64), count).optional(),
});
export type Limits = z.infer<typeof limitsSchema>;

export const policySchema = z.strictObject({
  /** Who answers for it: a person, a team, an address. Shown, never judged. */
  owner: z.string().max(200).optional(),
  labels: z
    .record(z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,62}$/), z.string().max(200))
    .refine((labels) => Object.keys(labels).length <= MOST_LABELS, `at most ${MOST_LABELS} labels`)
    .optional(),
  /** Left out: every path. A write needs both lists to allow it. */
  readPaths: z.array(scopedPath).min(1).max(100).optional(),
  writePaths: z.array(scopedPath).max(100).optional(),
  /** Names of tools; left out: every tool its scopes allow. */
  tools: z.array(z.string().min(1).max(64)).max(100).optional(),
  /** Networks it may call from; left out: any. */
  cidrs: z
    .array(z.union([z.cidrv4(), z.cidrv6()], 'a network such as 10.0.0.0/8 or fd00::/8, one address as 10.0.0.7/32'))
    .min(1)
    .max(100)
    .optional(),
  limits: limitsSchema.optional(),
});
export type Policy = z.infer<typeof policySchema>;
