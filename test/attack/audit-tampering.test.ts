// Random tamperings with the audit (MEMA_FULL=1: 10,000): edits, deletions, swaps, cuts, replays, forged checkpoints, and whole rewrites with
// the stolen key. Each is found, the last kinds by what was kept outside alone.
import assert from 'node:assert/strict';
import { copyFileSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { verifyAuditChain, type AuditVerification } from '../../src/audit/verify-audit-chain.ts';
import { OWNER, PLAIN, type Random, type Tampering } from '../helpers/audit-tamperings.ts';
import { makeSignedAudit, type SignedAudit } from '../helpers/signed-audit.ts';

const SEED = Number(process.env['MEMA_SEED'] ?? 20261124);
/** 10,000 take minutes on a busy machine of two cores. */
const TAMPERINGS = process.env['MEMA_FULL'] === '1' ? 10_000 : 1500;

/** mulberry32: small, seeded, good enough to choose. */
function createRandom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function verify(audit: SignedAudit, headFile: string, isOutsideUsed: boolean): Promise<AuditVerification> {
  const { db, keys, outside } = audit;
  const question = isOutsideUsed ? { checkpoints: outside, publicKeys: [keys.now.publicKey] } : {};
  return verifyAuditChain({ db, headFile, ownKey: keys.now.publicKey, ...question });
}

/** What the tampered chain is found to be, with the tampering undone afterwards; undefined if nothing was changed. */
async function found(
  audit: SignedAudit,
  tamper: Tampering,
  random: Random,
  isOutsideUsed: boolean,
): Promise<AuditVerification | undefined> {
  const headFile = `${audit.headFile}.tampered`;
  copyFileSync(audit.headFile, headFile);
  audit.db.exec('BEGIN');
  try {
    return tamper(audit, random, headFile) ? await verify(audit, headFile, isOutsideUsed) : undefined;
  } finally {
    audit.db.exec('ROLLBACK');
    rmSync(headFile);
  }
}

test(`${TAMPERINGS} random tamperings are all found (seed ${SEED})`, { timeout: 1_800_000 }, async (context) => {
  using audit = await makeSignedAudit();
  const random = createRandom(SEED);
  const all = Object.entries({ ...PLAIN, ...OWNER });
  const counts = new Map<string, number>();
  assert.deepEqual([(await verify(audit, audit.headFile, true)).reason], [undefined], 'untouched, it holds');
  for (let done = 0; done < TAMPERINGS;) {
    const [name, tamper] = all[random(all.length)] ?? ['', () => false];
    const verdict = await found(audit, tamper, random, Object.hasOwn(OWNER, name));
    if (verdict === undefined) continue;
    assert.equal(verdict.ok, false, `${name}, tampering ${done}`);
    counts.set(name, (counts.get(name) ?? 0) + 1);
    done += 1;
  }
  assert.equal((await verify(audit, audit.headFile, true)).ok, true, 'and it still does');
  assert.equal(counts.size, all.length);
  context.diagnostic(JSON.stringify(Object.fromEntries(counts)));
});

test('control: a rewrite with the stolen key is perfect; without the outside checkpoint nobody could tell', async () => {
  using audit = await makeSignedAudit();
  const random = createRandom(1);
  let unseen = 0;
  for (let i = 0; i < 200; i += 1) {
    for (const tamper of Object.values(OWNER)) {
      const verdict = await found(audit, tamper, random, false);
      if (verdict?.ok === true) unseen += 1;
    }
  }
  assert.ok(unseen > 100, String(unseen));
});
