// What is remembered of verifications: how each ended and when the chain was last whole; nothing of what proves nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVerificationMemory, type VerificationMemory } from '../../../src/audit/last-verification.ts';
import type { AuditVerification, VerifyQuestion } from '../../../src/audit/verify-audit-chain.ts';
import { openAudit } from './audit-fixture.ts';

function memoryAt(): {
  memory: VerificationMemory;
  end(found: Partial<AuditVerification>, q?: VerifyQuestion): unknown;
} {
  let nowMs = 0;
  const memory = createVerificationMemory({ nowMs: () => (nowMs += 1000), monotonicMs: () => nowMs });
  return {
    memory,
    end: (found, question = {}) => memory.remember(question, async () => ({ ok: true, records: 5, ...found })),
  };
}

test('a whole chain, then a broken one, then one that could not be read', async () => {
  const { memory, end } = memoryAt();
  assert.equal(memory.last(), undefined);
  await end({});
  assert.deepEqual(memory.last(), { timeMs: 1000, outcome: 'whole', records: 5, wholeMs: 1000 });
  await end({ ok: false, records: 2 });
  assert.deepEqual(memory.last(), { timeMs: 2000, outcome: 'broken', records: 2, wholeMs: 1000 });
  await assert.rejects(
    memory.remember({}, () => Promise.reject(new Error('planted'))),
    /planted/,
  );
  assert.deepEqual(memory.last(), { timeMs: 3000, outcome: 'failed', records: 0, wholeMs: 1000 });
});

test('what was broken off, and what failed against something from outside, changes nothing', async () => {
  const { memory, end } = memoryAt();
  await end({}, { isStopped: () => true });
  await end({ ok: false }, { checkpoints: ['of another audit'] });
  await end({ ok: false }, { publicKeys: ['of somebody else'] });
  await assert.rejects(memory.remember({ publicKeys: [] }, () => Promise.reject(new Error('planted'))));
  assert.equal(memory.last(), undefined);
  await end({}, { checkpoints: ['one that fits'] });
  assert.equal(memory.last()?.outcome, 'whole');
});

test('the audit log remembers its own', async () => {
  await using fixture = openAudit();
  assert.equal(fixture.audit.lastVerification(), undefined);
  await fixture.audit.verify();
  const last = fixture.audit.lastVerification();
  assert.deepEqual([last?.outcome, last?.timeMs], ['whole', fixture.clock.nowMs()]);
});
