// How an action of a command is run: with its context, its errors told, its exit code kept.
import type { CliContext } from './cli-context.ts';

/** The action's number is the exit code; nothing returned is success. Errors end as one line and a code. */
export type RunCommand = (action: (context: CliContext) => Promise<number | void>) => Promise<void>;
