// When the whole chain was last recomputed here, and what came of it: for health, metrics and the operator's page.
// Guarantee: what was broken off, and what failed against something brought from outside, says nothing and changes nothing.
import type { Clock } from '../lib/clock.ts';
import type { AuditVerification, VerifyQuestion } from './verify-audit-chain.ts';

export interface LastVerification {
  timeMs: number;
  /** `failed`: it could not be finished, so nothing is known. */
  outcome: 'whole' | 'broken' | 'failed';
  /** Sound records it saw; 0 if it failed. */
  records: number;
  /** When the chain was last found whole; undefined if never since the start. */
  wholeMs: number | undefined;
}

export interface VerificationMemory {
  /** Undefined before the first one since the start. */
  last(): LastVerification | undefined;
  /** Runs a verification and remembers how it ended. */
  remember(question: VerifyQuestion, verify: () => Promise<AuditVerification>): Promise<AuditVerification>;
}

export function createVerificationMemory(clock: Clock): VerificationMemory {
  let last: LastVerification | undefined;

  function note(outcome: LastVerification['outcome'], records: number): void {
    const timeMs = clock.nowMs();
    last = { timeMs, outcome, records, wholeMs: outcome === 'whole' ? timeMs : last?.wholeMs };
  }

  return {
    last: () => last,
    async remember(question, verify) {
      const isOwn = question.checkpoints === undefined && question.publicKeys === undefined;
      try {
        const found = await verify();
        if (question.isStopped?.() === true) return found;
        if (found.ok || isOwn) note(found.ok ? 'whole' : 'broken', found.records);
        return found;
      } catch (error) {
        if (isOwn) note('failed', 0);
        throw error;
      }
    },
  };
}
