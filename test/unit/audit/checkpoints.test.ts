// Signed checkpoints: written by count, by time and at the stop, each in the chain; keys that change; what an outside
// checkpoint proves; and retention that stays provable, with an archive that joins on.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { verifyAuditArchive } from '../../../src/audit/audit-archive.ts';
import { checkSignatures, findCheckpoints, parseCheckpoint } from '../../../src/audit/checkpoint.ts';
import { loadSigningKey, parsePublicKeys, parseSigningKey } from '../../../src/audit/signing-key.ts';
import { verifyAuditChain } from '../../../src/audit/verify-audit-chain.ts';
import { checkpointsWith, makeSignedAudit, newSigningKey } from '../../helpers/signed-audit.ts';
import { until } from '../../helpers/until.ts';
import { auditedCall, openAudit } from './audit-fixture.ts';

describe('signing key', () => {
  test('is made once, private, and read again', async () => {
    await using fixture = openAudit();
    const file = join(fixture.directory, 'audit-signing.pem');
    const key = loadSigningKey(file);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(loadSigningKey(file).publicKey, key.publicKey);
    assert.deepEqual(parsePublicKeys(`kept since May\n${key.publicPem}\n${newSigningKey().publicPem}`).length, 2);
    assert.deepEqual(parsePublicKeys(`${key.publicKey}\n`), [key.publicKey]);
    assert.throws(() => parsePublicKeys('no key'), { code: 'INVALID_INPUT' });
    writeFileSync(file, 'not a key');
    assert.throws(() => loadSigningKey(file), { code: 'CONFIG_INVALID', hint: /openssl/ });
    assert.throws(() => parseSigningKey('', 'audit.signing_key_file'), /audit.signing_key_file/);
  });
});

describe('checkpoints', () => {
  test('come by count, by time and at the stop; one line each, found in any log', async () => {
    const texts: string[] = [];
    const key = newSigningKey();
    const onCheckpoint = ({ text }: { text: string }): void => void texts.push(text);
    const fixture = openAudit(undefined, { checkpoints: checkpointsWith(key, { everyRecords: 9, onCheckpoint }) });
    for (let i = 0; i < 3; i += 1) await auditedCall(fixture.audit);
    await until('the one by count', () => texts.length === 1);
    await auditedCall(fixture.audit);
    assert.equal(texts.length, 1);
    await fixture[Symbol.asyncDispose]();
    assert.equal(texts.length, 2, 'the one at the stop');
    await using timed = openAudit(undefined, { checkpoints: checkpointsWith(key, { everyMs: 50, onCheckpoint }) });
    await auditedCall(timed.audit);
    await until('the one by time', () => texts.length >= 3);
    await sleep(200);
    const count = texts.length;
    await sleep(200);
    assert.equal(texts.length, count, 'an audit at rest is not signed again and again');
    assert.equal((await timed.audit.verify()).checkpoints, count - 2);
    const [first] = findCheckpoints(`{"level":30,"checkpoint":"${texts[0]}","msg":"x"}\n ${texts[1]}\n${texts[0]}`);
    assert.equal(first, texts[0]);
    const checkpoint = parseCheckpoint(texts[2] ?? '');
    assert.equal(checkpoint?.key, key.publicKey);
    assert.ok(checkpoint !== undefined && checkSignatures(checkpoint).isSigned);
  });

  test('a new key is vouched for by the old one; one that is not is told, and not believed by who pinned the old', async () => {
    await using fixture = openAudit();
    const [first, second, third] = [newSigningKey(), newSigningKey(), newSigningKey()];
    const unvouched: string[] = [];
    const open = (...[key, more]: Parameters<typeof checkpointsWith>): ReturnType<typeof openAudit> =>
      openAudit(fixture.directory, {
        checkpoints: checkpointsWith(key, { ...more, onUnvouchedKey: (found) => unvouched.push(found) }),
      });
    for (const key of [first, second, second]) {
      const session = open(key, { previousKey: first });
      await auditedCall(session.audit);
      await session[Symbol.asyncDispose]();
    }
    const verifyWith = (...keys: string[]) =>
      openAudit(fixture.directory, { checkpoints: checkpointsWith(second) }).audit.verify({ publicKeys: keys });
    assert.deepEqual((await verifyWith(first.publicKey)).reason, undefined);
    assert.equal((await verifyWith(second.publicKey)).ok, true, 'the new key speaks for the one it came after');
    assert.match((await verifyWith(third.publicKey)).reason ?? '', /no trusted key/);
    assert.deepEqual(unvouched, []);
    const lost = open(third);
    assert.deepEqual(unvouched, [third.publicKey]);
    await auditedCall(lost.audit);
    await lost[Symbol.asyncDispose]();
    assert.match((await verifyWith(first.publicKey)).reason ?? '', /no trusted key signed it/);
    assert.equal((await verifyWith(first.publicKey, third.publicKey)).ok, true);
  });

  test('an outside checkpoint proves what came before it, or says why it does not', async () => {
    using signed = await makeSignedAudit();
    using other = await makeSignedAudit();
    const { db, headFile, outside, keys } = signed;
    const verify = (checkpoints: string[], publicKeys?: string[]) =>
      verifyAuditChain({ db, headFile, ownKey: keys.now.publicKey, checkpoints, ...(publicKeys && { publicKeys }) });
    assert.deepEqual(await verify([...outside], [keys.before.publicKey]), {
      ok: true,
      records: signed.lastSeq - signed.firstSeq + 1,
      anchor: { seq: 15, hash: (await verify([])).anchor?.hash },
      checkpoints: 8,
    });
    assert.match((await verify([other.outside[0]])).reason ?? '', /no trusted key/);
    assert.match(
      (await verify([other.outside[0]], [other.keys.before.publicKey, keys.now.publicKey])).reason ?? '',
      /another audit/,
    );
    assert.match((await verify([outside[1].replace(/seq=\d+/, 'seq=20')])).reason ?? '', /signature is wrong/);
    assert.match((await verify(['hello'])).reason ?? '', /no checkpoint/);
  });
});

describe('retention', () => {
  test('removes up to a checkpoint, archives first, stays provable, and the archives join on', async () => {
    const key = newSigningKey();
    await using fixture = openAudit(undefined, { checkpoints: checkpointsWith(key) });
    const { audit, store, directory } = fixture;
    const archiveDirectory = join(directory, 'archive');
    const publicKeys = [key.publicKey];
    for (let part = 0; part < 2; part += 1) {
      for (let i = 0; i < 200; i += 1) await auditedCall(audit, `${i}.md`);
      await audit.checkpoint();
      fixture.advance(86_400_000);
      await auditedCall(audit);
      const prunedPart = await audit.prune({ beforeMs: fixture.clock.nowMs() - 1000, archiveDirectory });
      assert.ok(prunedPart.removed >= 600, String(prunedPart.removed));
      assert.equal((await audit.verify({ publicKeys })).ok, true);
    }
    assert.deepEqual(await audit.prune({ beforeMs: 0, archiveDirectory }), { removed: 0, archive: null });
    const names = readdirSync(archiveDirectory).toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1));
    assert.equal(names.length, 2);
    const found = [];
    for (const name of names) found.push(await verifyAuditArchive(join(archiveDirectory, name), publicKeys));
    assert.deepEqual(
      found.map(({ ok }) => ok),
      [true, true],
    );
    assert.equal(found[1]?.after?.hash, found[0]?.last?.hash, 'the second begins where the first ends');
    const { anchor } = await audit.verify();
    assert.equal(anchor?.hash, found[1]?.last?.hash, 'and the chain where the second ends');
    assert.equal((await audit.verify({ checkpoints: [found[0]?.last?.text ?? ''], publicKeys })).ok, true);

    const path = join(archiveDirectory, names[0] ?? '');
    const lines = gunzipSync(readFileSync(path)).toString().trimEnd().split('\n');
    const changed = (change: (copy: string[]) => void): Buffer => {
      const copy = [...lines];
      change(copy);
      return gzipSync(copy.join('\n'));
    };
    for (const bytes of [
      changed((copy) => copy.splice(5, 1)),
      changed((copy) => copy.splice(5, 1, (copy[5] ?? '').replace('user.md', 'x.md').replace('.md', '.txt'))),
      changed((copy) => copy.pop()),
      changed((copy) => copy.push(copy[7] ?? '')),
      readFileSync(path).subarray(0, 900),
    ]) {
      writeFileSync(path, bytes);
      assert.equal((await verifyAuditArchive(path, publicKeys)).ok, false);
    }
    for (const sql of ['DELETE FROM audit', "UPDATE audit SET action = 'x'", 'DELETE FROM audit_checkpoints'])
      assert.throws(() => store.db.exec(sql), /append-only/);
    for (const sql of [
      'UPDATE audit_anchor SET seq = seq + 1',
      'DELETE FROM audit_anchor',
      'UPDATE audit_anchor SET seq = 0',
    ])
      assert.throws(() => store.db.exec(sql), /anchor|append-only/, sql);
  });

  test('what cannot be archived is not removed, and a broken chain is evidence', async () => {
    await using fixture = openAudit(undefined, { checkpoints: checkpointsWith(newSigningKey()) });
    const { audit, store } = fixture;
    await auditedCall(audit);
    await audit.checkpoint();
    fixture.advance(1000);
    const beforeMs = fixture.clock.nowMs();
    const rows = () => store.db.prepare('SELECT count(*) FROM audit').pluck().get();
    await assert.rejects(audit.prune({ beforeMs, archiveDirectory: fixture.store.path }), { code: 'STORE_FAILED' });
    assert.equal(rows(), 4);
    store.db.exec(`DROP TRIGGER audit_forbids_update; UPDATE audit SET path = 'x.md' WHERE seq = 2`);
    await assert.rejects(audit.prune({ beforeMs, archiveDirectory: '' }), { code: 'AUDIT_CHAIN_BROKEN' });
    assert.equal(rows(), 4);
  });
});
