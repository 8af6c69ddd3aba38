// Failed logins: one row an address and minute, nothing lost when a write fails, memory bounded.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { createLoginFailureLog } from '../../../src/auth/login-failure-log.ts';
import type { LoginFailureRow } from '../../../src/auth/login-failure-log.ts';

const START = Date.UTC(2026, 10, 23, 12);
let nowMs: number;
let rows: LoginFailureRow[];
let fails: boolean;
const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };

const create = (maxAddresses?: number) =>
  createLoginFailureLog({
    clock,
    async write(row) {
      if (fails) throw new Error('audit is down');
      rows.push(structuredClone(row));
    },
    ...(maxAddresses === undefined ? {} : { maxAddresses }),
  });

beforeEach(() => {
  nowMs = START;
  rows = [];
  fails = false;
});

describe('login failure log', () => {
  test('sums up by address and minute and writes a minute once it is over', async () => {
    await using log = create();
    for (let i = 0; i < 500; i += 1) log.note('10.0.0.1', i % 2 === 0 ? 'unknown' : 'malformed');
    log.note('10.0.0.2', 'revoked');
    await log.flush();
    assert.deepEqual(rows, []);
    nowMs += 60_000;
    log.note('10.0.0.1', 'expired');
    await log.flush();
    assert.deepEqual(rows, [
      { address: '10.0.0.1', minuteStartMs: START, count: 500, reasons: { unknown: 250, malformed: 250 } },
      { address: '10.0.0.2', minuteStartMs: START, count: 1, reasons: { revoked: 1 } },
    ]);
  });

  test('all addresses of one IPv6 customer are one row', async () => {
    await using log = create();
    for (let i = 0; i < 300; i += 1) log.note(`2001:db8:1:2::${i.toString(16)}`, 'missing');
    log.note('2001:db8:1:3::1', 'missing');
    nowMs += 60_000;
    await log.flush();
    assert.deepEqual(
      rows.map(({ address, count }) => [address, count]),
      [
        ['2001:db8:1:2::/64', 300],
        ['2001:db8:1:3::/64', 1],
      ],
    );
  });

  test('what could not be written is written later, summed with what came since', async () => {
    await using log = create();
    log.note('a', 'unknown');
    nowMs += 60_000;
    fails = true;
    await Promise.all([log.flush(), log.flush()]);
    nowMs -= 60_000;
    log.note('a', 'unknown');
    nowMs += 60_000;
    fails = false;
    await log.flush();
    assert.deepEqual(rows, [{ address: 'a', minuteStartMs: START, count: 2, reasons: { unknown: 2 } }]);
  });

  test('beyond the bound, addresses share one row', async () => {
    await using log = create(3);
    for (let i = 0; i < 100; i += 1) log.note(`10.0.0.${i}`, 'unknown');
    nowMs += 60_000;
    await log.flush();
    assert.equal(rows.length, 4);
    assert.equal(rows.find((row) => row.address === 'other')?.count, 97);
  });

  test('disposal writes the minute that is not over', async () => {
    const log = create();
    log.note('a', 'missing');
    await log[Symbol.asyncDispose]();
    assert.equal(rows.length, 1);
  });
});
