// Budgets of money and tokens: never above one whatever runs at once, never counted twice, never forgotten.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { createCloudPermit } from '../../../src/auth/cloud-permit.ts';
import { createBudgets, type BudgetHolder, type BudgetName, type Budgets } from '../../../src/auth/budgets.ts';
import { openKeyStore } from '../../../src/auth/open-key-store.ts';
import type { KeyStore } from '../../../src/auth/open-key-store.ts';
import { localPrincipal, withLocalCloud } from '../../../src/auth/principal.ts';
import type { Limits } from '../../../src/auth/policy.ts';
import type { Principal } from '../../../src/auth/principal.ts';
import type { SpendingHold } from '../../../src/auth/spending-ledger.ts';
import { createSpentReader } from '../../../src/usage/budget-spending.ts';
import { intent, openAudit } from '../audit/audit-fixture.ts';
import type { AuditFixture } from '../audit/audit-fixture.ts';

const over = { code: 'BUDGET_EXCEEDED' };
const rights = (budgetUsdPerMonth: number, account = 'k_1'): BudgetHolder => ({
  kind: 'key',
  id: account,
  cloud: { consent: true, budgetUsdPerMonth, account },
});
const recording = (tokens: number, costUsd: number): { tokens: number; costUsd: number } => ({ tokens, costUsd });

describe('a budget', () => {
  let nowMs = Date.UTC(2026, 10, 30, 23, 59);
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  let recorded = 0;
  let spending: Budgets;
  beforeEach(() => {
    nowMs = Date.UTC(2026, 10, 30, 23, 59);
    recorded = 0;
    spending = createBudgets({ spent: () => ({ tokens: 0, microUsd: recorded }), clock });
  });

  test('of nothing allows nothing, not even what costs nothing', () => {
    assert.throws(() => spending.reserveUsd('c', rights(0), 0), over);
    assert.throws(() => spending.reserveUsd('c', rights(0), 0), { hint: /keys set/ });
    assert.throws(() => spending.reserveUsd('c', rights(5), Number.NaN), over);
    assert.throws(() => spending.reserveUsd('c', rights(5), Infinity), over);
  });

  test('counts what is spent, set aside and settled, each once', () => {
    const first = spending.reserveUsd('a', rights(1), 0.6);
    assert.throws(() => spending.reserveUsd('b', rights(1), 0.5), over);
    first.settle(0.1);
    first.settle(0.1);
    assert.equal(spending.settledUsd('a'), 0.1);
    const second = spending.reserveUsd('b', rights(1), 0.9);
    assert.throws(() => spending.reserveUsd('c', rights(1), 0.000001), over);
    recorded += 100_000;
    spending.release('a', recording(0, 0.1));
    spending.release('a', recording(0, 0.1));
    assert.throws(() => spending.reserveUsd('c', rights(1), 0.000001), over);
    second.settle(0);
    spending.reserveUsd('c', rights(1), 0.9).settle(0);
    assert.throws(() => spending.reserveUsd('c', rights(1), 0.900001), over);
  });

  test('a cost that its usage row left out stays held until the month ends', () => {
    const late = spending.reserveUsd('a', rights(1), 0.5);
    spending.reserveUsd('a', rights(1), 0.3).settle(0.3);
    recorded += 200_000;
    spending.release('a', recording(0, 0.2));
    late.settle(0.4);
    spending.reserveUsd('b', rights(1), 0.3).settle(0);
    assert.throws(() => spending.reserveUsd('b', rights(1), 0.300001), over);
    nowMs += 120_000;
    recorded = 0;
    spending.reserveUsd('b', rights(1), 1).settle(0);
  });

  test('other accounts do not feel it', () => {
    spending.reserveUsd('a', rights(1, 'k_1'), 1);
    spending.reserveUsd('b', rights(1, 'k_2'), 1);
  });

  test('no order of calls ever spends more than the budget, and nothing is lost', () => {
    const step = fc.record({ call: fc.nat(5), kind: fc.nat(2), share: fc.double({ min: 0, max: 1, noNaN: true }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let spent = 0;
        let inUsage = 0;
        const calls = new Map<number, { id: string; holds: { hold: SpendingHold; max: number }[] }>();
        let nextId = 0;
        const subject = createBudgets({ spent: () => ({ tokens: 0, microUsd: inUsage }), clock });
        for (const { call, kind, share } of steps) {
          const entry = calls.get(call) ?? { id: `c${nextId++}`, holds: [] };
          calls.set(call, entry);
          const max = Math.round(share * 400_000);
          if (kind === 0) {
            try {
              entry.holds.push({ hold: subject.reserveUsd(entry.id, rights(1), max / 1e6), max });
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
            subject.release(entry.id, recording(0, usd));
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

describe('budgets of tokens and money, by day and month', () => {
  const NOON = Date.UTC(2026, 10, 24, 12);
  const HOUR_MS = 3_600_000;
  let nowMs = NOON;
  const clock = { nowMs: () => nowMs, monotonicMs: () => 0 };
  let recorded: Record<string, number> = {};
  let refused: BudgetName[] = [];
  let budgets: Budgets;
  beforeEach(() => {
    nowMs = NOON;
    recorded = {};
    refused = [];
    budgets = createBudgets({
      spent: (_account, period) => ({ tokens: recorded[period] ?? 0, microUsd: 0 }),
      clock,
      onRefused: (name) => refused.push(name),
    });
  });
  const holder = (limits: Limits): BudgetHolder => ({
    kind: 'key',
    id: 'k_1',
    policy: { limits },
    cloud: { consent: true, budgetUsdPerMonth: 100, account: 'k_1' },
  });

  test('a run that cannot have a token is refused before it starts, until the day or the month ends', () => {
    recorded = { '2026-11-24': 100, '2026-11': 500 };
    assert.equal(budgets.runRefusal(holder({ tokensPerDay: 101, tokensPerMonth: 501 })), null);
    const day = budgets.runRefusal(holder({ tokensPerDay: 100 }));
    assert.deepEqual([day?.code, day?.status, day?.retryAfterS], ['BUDGET_EXCEEDED', 429, 12 * 3600]);
    const month = budgets.runRefusal(holder({ tokensPerDay: 101, tokensPerMonth: 500 }));
    assert.equal(month?.retryAfterS, 6 * 86_400 + 12 * 3600);
    assert.match(month?.userMessage ?? '', /This month's budget of 500 tokens .* wait for the next month/);
    assert.deepEqual(refused, ['tokens_day', 'tokens_month']);
    assert.equal(budgets.runRefusal(holder({})), null);
  });

  test('when only what others have set aside is in the way, it is worth trying again soon', () => {
    const caller = holder({ tokensPerDay: 100 });
    const hold = budgets.reserveTokens('a', caller, 80);
    assert.throws(() => budgets.reserveTokens('b', caller, 30), { code: 'BUDGET_EXCEEDED', retryAfterS: 5 });
    hold.settle(10);
    budgets.reserveTokens('b', caller, 30);
  });

  test('money has the tightest of the cloud budget, the day and the month', () => {
    const caller = holder({ usdPerDay: 1, usdPerMonth: 2 });
    budgets.reserveUsd('a', caller, 1);
    assert.throws(() => budgets.reserveUsd('b', caller, 0.000001), over);
    assert.throws(() => budgets.reserveUsd('b', holder({ usdPerDay: 0 }), 0), {
      message: /no budget/,
      retryAfterS: undefined,
    });
    assert.deepEqual(refused, ['usd_day', 'usd_day']);
  });

  test('a wall clock that jumps an hour over midnight and back opens one more day, not two', () => {
    nowMs = Date.UTC(2026, 10, 24, 23, 30);
    const caller = holder({ tokensPerDay: 100 });
    let used = 0;
    const spendAll = (): void => {
      for (let i = 0; i < 30; i += 1) {
        try {
          budgets.reserveTokens(`${nowMs} ${i}`, caller, 10).settle(10);
        } catch {
          continue;
        }
        const day = new Date(nowMs).toISOString().slice(0, 10);
        recorded[day] = (recorded[day] ?? 0) + 10;
        budgets.release(`${nowMs} ${i}`, recording(10, 0));
        used += 10;
      }
    };
    spendAll();
    assert.equal(used, 100);
    for (const jump of [HOUR_MS, -HOUR_MS, HOUR_MS, -HOUR_MS]) {
      nowMs += jump;
      spendAll();
    }
    assert.equal(used, 200);
  });

  test('what a record leaves out stays held for its day and its month', () => {
    const caller = holder({ tokensPerDay: 100, tokensPerMonth: 150 });
    budgets.reserveTokens('a', caller, 90).settle(90);
    budgets.release('a', recording(0, 0));
    assert.throws(() => budgets.reserveTokens('b', caller, 20), over);
    nowMs += 24 * HOUR_MS;
    budgets.reserveTokens('b', caller, 60).settle(0);
    assert.throws(() => budgets.reserveTokens('b', caller, 61), over);
  });
});

describe('a permit', () => {
  let fixture: AuditFixture;
  let keys: KeyStore;
  let spending: Budgets;
  beforeEach(() => {
    fixture = openAudit();
    keys = openKeyStore({ store: fixture.store, clock: fixture.clock, groupCommit: fixture.group });
    spending = createBudgets({ spent: createSpentReader(fixture.store.db), clock: fixture.clock });
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
    const permit = createCloudPermit({ principal, budgets: spending, auditCall });
    try {
      permit.reserve(usd).settle(usd);
    } finally {
      const costUsd = permit.spentUsd;
      await auditCall.finish({ outcome: 'ok', durationMs: 1, usage: { tool: 'ask', costUsd } });
      spending.release(auditCall.callId, recording(0, costUsd));
    }
  }

  test('a key without a word about the cloud gives no consent and no money', async () => {
    const principal = verified((await keys.create({ name: 'a' })).key);
    assert.deepEqual([principal.cloud?.consent, principal.cloud?.budgetUsdPerMonth], [false, 0]);
    const auditCall = await fixture.audit.begin(intent());
    const permit = createCloudPermit({ principal: { kind: 'key', id: 'k_1' }, budgets: spending, auditCall });
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
    const permit = createCloudPermit({ principal: rights(1), budgets: spending, auditCall });
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
