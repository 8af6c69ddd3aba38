// Texts of about a megabyte that are made to keep a pattern of the screen busy: each costs its length, not its square.
// With the patterns as they were, each of these did not end within its time, or took many seconds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPrivacyScreen } from '../../../src/privacy/create-privacy-screen.ts';
import type { ScreenSession } from '../../../src/privacy/create-privacy-screen.ts';

const LENGTH = 600_000;
const timely = { timeout: 30_000 };
const open = (): ScreenSession => createPrivacyScreen({ rules: [] }).open();
const filled = (piece: string, length = LENGTH): string => piece.repeat(Math.ceil(length / piece.length));
const holds = (text: string, secret: string): boolean => open().redact(text).text.includes(secret);

test('names of secrets one after another, before the same end', timely, () => {
  const secret = 'Tr0ub4dor-and-3';
  for (const text of [
    `${filled('password=')}${secret}`,
    `${filled('password:none,')}password:${secret}`,
    `${filled('password=“')}${secret}`,
    `${filled(`${'a'.repeat(115)}-password:`)}${secret}`,
    `${filled('password=', LENGTH / 2)}${secret}${filled(':', LENGTH / 2)}`,
    `${filled('password:', LENGTH / 2)}${secret} ${filled('a', LENGTH / 2)}!`,
  ]) {
    assert.ok(!holds(text, secret), text.slice(0, 20));
  }
});

test('signs in front of a name and behind a value', timely, () => {
  const dashes = '-'.repeat(119);
  assert.ok(!holds(filled(`${dashes};${dashes}password: hunter22\n`, 100_000), 'hunter22'));
  assert.ok(!holds(`password: hunter22${filled(':')}x`, 'hunter22'));
});

test('long lines in tables, headings and lists of secrets', timely, () => {
  const blank = filled(' ');
  for (const line of [
    `a|b\n${blank}x`,
    `a|b\n-${blank}x`,
    `# ${blank}\u2028`,
    blank,
    `${blank}\u3000x`,
    `${filled('*')}\u2028x`,
    `- a:${filled('x')}y${filled('`')}`,
    `a|password\n-|-\nb|${filled('@')} x`,
  ]) {
    assert.ok(!holds(`# Passwords\n${line}\n- bank: hunter22\n`, 'hunter22'), JSON.stringify(line.slice(0, 10)));
  }
});

test('a token that is wrapped again and again before it is complete', timely, () => {
  const tail = 'a1B2c3D4e5F6g7H8i9J0';
  assert.ok(!holds(`tskey-${filled('a*')}-${tail}`, tail));
  assert.ok(!holds(`eyJ${'a'.repeat(20)}.${filled('a*')}.${tail}`, tail));
  assert.ok(!holds(`sk-ant-${filled(`${tail}z\n`)}`, tail));
});

test('an answer with a tag that is opened and never named', timely, () => {
  const answer = `<${filled(' ')}`;
  assert.equal(open().restore(answer), answer);
});

test('an answer of nothing but code with withheld values', timely, () => {
  const session = open();
  const { text } = session.redact('password: "hun ter-2"\n');
  const placeholder = /\[withheld:[^\]]*\]/.exec(text)?.[0] ?? '';
  const block = `<python>'${placeholder}'</python>`;
  const times = Math.ceil(LENGTH / block.length);
  assert.equal(session.restore(block.repeat(times)), "<python>'hun ter-2'</python>".repeat(times));
  assert.throws(() => session.restore(filled(`<python>'${placeholder}'`)), { code: 'PRIVACY_REFUSED' });
});

test('the first letters of a web token again and again are not a token, the token behind them is', timely, () => {
  const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';
  assert.ok(!holds(`${filled('eyJ')} ${token}`, 'c2lnbmF0dXJl'));
  assert.ok(!holds(`${filled(`${'eyJ'.repeat(200)}.a `)}${token}`, 'c2lnbmF0dXJl'));
});
