// Money for cloud models: never above the budget whatever runs at once, never counted twice, never forgotten.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { createCloudPermit } from '../../../src/auth/cloud-permit.ts';
import { createCloudSpending } from '../../../src/auth/cloud-spending.ts';
import type { CloudHold, CloudSpending } from '../../../src/auth/cloud-spending.ts';
import { openKeyStore } from '../../../src/auth/open-key-store.ts';
import type { KeyStore } from '../../../src/auth/open-key-store.ts';
import { localPrincipal, withLocalCloud } from '../../../src/auth/principal.ts';
import type { CloudRights, Principal } from '../../../src/auth/principal.ts';
import { createMonthCost } from '../../../src/usage/month-cost.ts';
import { intent, openAudit } from '../audit/audit-fixture.ts';
import type { AuditFixture } from '../audit/audit-fixture.ts';

const over = { code: 'BUDGET_EXCEEDED' };
const rights = (budgetUsdPerMonth: number, account = 'k_1'): CloudRights => ({
  consent: true,
  budgetUsdPerMonth,
  account,
});

describe('a budget', () => {
  let nowMs = Date.UTC(2026, 10, 30, 23, 59);
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  let recorded = 0;
  let spending: CloudSpending;
  beforeEach(() => {
    nowMs = Date.UTC(2026, 10, 30, 23, 59);
    recorded = 0;
    spending = createCloudSpending({ spentMicroUsd: () => recorded, clock });
  });

  test('of nothing allows nothing, not even what costs nothing', () => {
    assert.throws(() => spending.reserve('c', rights(0), 0), over);
    assert.throws(() => spending.reserve('c', rights(0), 0), { hint: /keys set/ });
    assert.throws(() => spending.reserve('c', rights(5), Number.NaN), over);
    assert.throws(() => spending.reserve('c', rights(5), Infinity), over);
  });

  test('counts what is spent, set aside and settled, each once', () => {
    const first = spending.reserve('a', rights(1), 0.6);
    assert.throws(() => spending.reserve('b', rights(1), 0.5), over);
    first.settle(0.1);
    first.settle(0.1);
    assert.equal(spending.settledUsd('a'), 0.1);
    const second = spending.reserve('b', rights(1), 0.9);
    assert.throws(() => spending.reserve('c', rights(1), 0.000001), over);
    recorded += 100_000;
    spending.release('a', 0.1);
    spending.release('a', 0.1);
    assert.throws(() => spending.reserve('c', rights(1), 0.000001), over);
    second.settle(0);
    spending.reserve('c', rights(1), 0.9).settle(0);
    assert.throws(() => spending.reserve('c', rights(1), 0.900001), over);
  });

  test('a cost that its usage row left out stays held until the month ends', () => {
    const late = spending.reserve('a', rights(1), 0.5);
    spending.reserve('a', rights(1), 0.3).settle(0.3);
    recorded += 200_000;
    spending.release('a', 0.2);
    late.settle(0.4);
    spending.reserve('b', rights(1), 0.3).settle(0);
    assert.throws(() => spending.reserve('b', rights(1), 0.300001), over);
    nowMs += 120_000;
    recorded = 0;
    spending.reserve('b', rights(1), 1).settle(0);
  });

  test('other accounts do not feel it', () => {
    spending.reserve('a', rights(1, 'k_1'), 1);
    spending.reserve('b', rights(1, 'k_2'), 1);
  });

  test('no order of calls ever spends more than the budget, and nothing is lost', () => {
    const step = fc.record({ call: fc.nat(5), kind: fc.nat(2), share: fc.double({ min: 0, max: 1, noNaN: true }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let spent = 0;
        let inUsage = 0;
        const calls = new Map<number, { id: string; holds: { hold: CloudHold; max: number }[] }>();
        let nextId = 0;
        const subject = createCloudSpending({ spentMicroUsd: () => inUsage, clock });
        for (const { call, kind, share } of steps) {
          const entry = calls.get(call) ?? { id: `c${nextId++}`, holds: [] };
          calls.set(call, entry);
          const max = Math.round(share * 400_000);
          if (kind === 0) {
            try {
              entry.holds.push({ hold: subject.reserve(entry.id, rights(1), max / 1e6), max });
            } catch (error) {
              assert.equal((error as { code?: string }).code, 'BUDGET_EXCEEDED');
            }
          } else if (kind === 1) {
            const open = entry.holds.pop();
            const cost = open === undefined ? 0 : Math.floor(open.max * share);
            open?.hold.settle(cost / 1e6);
            spent += cost;
          } else {
            const usd = subject.settledUsd(entry.id);
            inUsage += Math.round(usd * 1e6);
            subject.release(entry.id, usd);
            // What is still open of it settles late, into no usage row.
            for (const { hold, max: most } of entry.holds) {
              hold.settle(most / 1e6);
              spent += most;
            }
            calls.delete(call);
          }
          assert.ok(spent <= 1_000_000, `spent ${spent}`);
        }
      }),
    );
  });
});

describe('a permit', () => {
  let fixture: AuditFixture;
  let keys: KeyStore;
  let spending: CloudSpending;
  beforeEach(() => {
    fixture = openAudit();
    keys = openKeyStore({ store: fixture.store, clock: fixture.clock, groupCommit: fixture.group });
    spending = createCloudSpending({ spentMicroUsd: createMonthCost(fixture.store.db), clock: fixture.clock });
  });
  afterEach(async () => {
    await keys[Symbol.asyncDispose]();
    await fixture[Symbol.asyncDispose]();
  });

  const verified = (key: string): Principal => {
    const result = keys.verify(key);
    assert.ok('id' in result);
    return result;
  };
  async function spend(principal: Principal, usd: number): Promise<void> {
    const auditCall = await fixture.audit.begin(intent({ actor: { kind: 'key', id: principal.id } }));
    const permit = createCloudPermit({ principal, spending, auditCall });
    try {
      permit.reserve(usd).settle(usd);
    } finally {
      const costUsd = permit.spentUsd;
      await auditCall.finish({ outcome: 'ok', durationMs: 1, usage: { tool: 'ask', costUsd } });
      spending.release(auditCall.callId, costUsd);
    }
  }

  test('a key without a word about the cloud gives no consent and no money', async () => {
    const principal = verified((await keys.create({ name: 'a' })).key);
    assert.deepEqual([principal.cloud?.consent, principal.cloud?.budgetUsdPerMonth], [false, 0]);
    const auditCall = await fixture.audit.begin(intent());
    const permit = createCloudPermit({ principal: {}, spending, auditCall });
    assert.equal(permit.consent, false);
    assert.throws(() => permit.reserve(0), over);
  });

  test('the month is spent across calls, and a rotation brings no second budget', async () => {
    const old = await keys.create({ name: 'a', cloudConsent: true, cloudBudgetUsdPerMonth: 1 });
    await spend(verified(old.key), 0.4);
    const next = await keys.rotate(old.id, { overlapMs: 3_600_000 });
    assert.deepEqual([next.cloudConsent, next.cloudBudgetUsdPerMonth], [true, 1]);
    await spend(verified(next.key), 0.4);
    await assert.rejects(spend(verified(next.key), 0.3), over);
    await assert.rejects(spend(verified(old.key), 0.3), over);
    await spend(verified(old.key), 0.2);
    fixture.advance(9 * 86_400_000);
    const last = await keys.rotate(next.id, { overlapMs: 0 });
    await spend(verified(last.key), 1);
  });

  test('a change counts from the next request, and a revoked key takes none', async () => {
    const { id, key } = await keys.create({ name: 'a' });
    assert.equal((await keys.change(id, { cloudConsent: true })).cloudBudgetUsdPerMonth, 0);
    await keys.change(id, { cloudBudgetUsdPerMonth: 0.25 });
    assert.deepEqual(verified(key).cloud, { consent: true, budgetUsdPerMonth: 0.25, account: id });
    for (const bad of [-1, Number.NaN, Infinity, 1e9]) {
      await assert.rejects(keys.change(id, { cloudBudgetUsdPerMonth: bad }), { code: 'INVALID_INPUT' });
    }
    await keys.revoke(id);
    await assert.rejects(keys.change(id, { cloudConsent: false }), { code: 'INVALID_INPUT' });
    await assert.rejects(keys.change('k_nothere', {}), { code: 'NOT_FOUND' });
  });

  test('what leaves is in the audit first, and what cannot be recorded may not leave', async () => {
    const auditCall = await fixture.audit.begin(intent());
    const permit = createCloudPermit({ principal: { cloud: rights(1) }, spending, auditCall });
    const egress = { backend: 'openrouter', model: 'a/b', sizeBytes: 12, redactions: 2 };
    await permit.recordEgress(egress);
    const record = fixture.audit.tail({ limit: 1 })[0];
    assert.deepEqual(
      [record?.operation, record?.path, record?.after],
      ['cloud.send', 'openrouter:a/b', '12 bytes, 2 withheld'],
    );
    fixture.store.db.pragma('query_only = ON');
    await assert.rejects(permit.recordEgress(egress), { code: 'AUDIT_UNAVAILABLE' });
  });

  test('the local caller has what the configuration says', () => {
    const local = withLocalCloud(localPrincipal, { consent: true, budgetUsdPerMonth: 2 });
    assert.deepEqual(local.cloud, { consent: true, budgetUsdPerMonth: 2, account: 'local' });
    const key: Principal = { ...localPrincipal, kind: 'key', id: 'k_1' };
    assert.equal(withLocalCloud(key, { consent: true, budgetUsdPerMonth: 2 }), key);
  });
});
