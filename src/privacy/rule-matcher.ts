// Runs the operator's rules over a text within a time limit, whatever their regexes are like.
// Guarantee: what could not be looked through in time does not leave.

import { createContext, Script } from 'node:vm';
import { AppError } from '../lib/app-error.ts';
import type { PrivacyRule } from './privacy-rules.ts';
import type { FoundSecret, TextView } from './text-view.ts';

export interface RuleMatcher {
  /** Throws PRIVACY_REFUSED for what a `refuse` rule finds, and when time is up. */
  match(views: readonly TextView[]): FoundSecret[];
}

export const DEFAULT_RULE_TIMEOUT_MS = 500;

export function createRuleMatcher(rules: readonly PrivacyRule[], timeoutMs = DEFAULT_RULE_TIMEOUT_MS): RuleMatcher {
  if (rules.length === 0) return { match: () => [] };
  // The one way to stop a regex that runs away: V8 interrupts what a script with a timeout has called.
  const script = new Script('run()');
  let views: readonly TextView[] = [];
  let found: FoundSecret[] = [];
  let current = 0;
  const context = createContext({
    run() {
      for (const view of views) {
        for (const rule of rules) {
          current = rule.line;
          for (const match of view.text.matchAll(rule.pattern)) {
            const [value] = match;
            if (value === '') continue;
            if (rule.action === 'refuse') throw refused(rule.line);
            found.push({ kind: 'rule', value, ...view.sourceOf(match.index, match.index + value.length) });
          }
        }
      }
    },
  });
  return {
    match(given) {
      views = given;
      found = [];
      try {
        script.runInContext(context, { timeout: timeoutMs });
        return found;
      } catch (error) {
        if (!isTimeout(error)) throw error;
        throw new AppError(
          'PRIVACY_REFUSED',
          `The privacy rule in line ${current} took too long, so nothing was sent`,
          {
            hint: 'Make its regex simpler in privacy.rules_file',
          },
        );
      } finally {
        views = [];
      }
    },
  };
}

/** It comes from the script's own realm, where `Error` is another class. */
function isTimeout(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
  );
}

function refused(line: number): AppError {
  return new AppError('PRIVACY_REFUSED', `The privacy rule in line ${line} keeps this text on this machine`, {
    hint: 'Ask without it, or change privacy.rules_file',
  });
}
