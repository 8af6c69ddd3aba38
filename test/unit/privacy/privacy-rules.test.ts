// The rules file: what is a rule, what is refused with its line, and that no regex can hold the daemon up.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createPrivacyScreen } from '../../../src/privacy/create-privacy-screen.ts';
import type { ScreenSession } from '../../../src/privacy/create-privacy-screen.ts';
import { parsePrivacyRules, readPrivacyRules } from '../../../src/privacy/privacy-rules.ts';

const open = (rules: string, ruleTimeoutMs = 500): ScreenSession =>
  createPrivacyScreen({ rules: parsePrivacyRules(rules, 'rules'), ruleTimeoutMs }).open();

test('texts and regexes are withheld in every writing, and put back', () => {
  const session = open(`
    # what stays here
    redact Nordkap Media
    redact /ticket-\\d+/i
    redact /^diagnosis:.*$/m
  `);
  const text = 'NORDKAP  media, **Nordkap**\nMedia, Nord\u200Bkap Media, Ticket-42 and\ndiagnosis: asthma\nrest';
  const { text: clean, redactions } = session.redact(text);
  assert.equal(redactions, 5);
  assert.doesNotMatch(clean, /nord|media|ticket|asthma/i);
  assert.equal(session.restore(clean), text);
  const result = session.redact("<result>\n{'a': 'x\\ndiagnosis: flu\\ny'}\n</result>").text;
  assert.doesNotMatch(result, /flu/);
  assert.match(result, /\\ny'/);
});

test('what a refuse rule finds does not leave, and the error shows the line but not the text', () => {
  const session = open('redact a1b2\nrefuse /patient\\s+\\w+/i\nrefuse Project Hush');
  session.redact('nothing of the kind');
  for (const [text, line] of [
    ['the Patient Olsen', 2],
    ["{'x': 'Patient\\nOlsen'}", 2],
    ['project hush', 3],
    ['proj\u200Bect%20hush', 3],
  ] as const) {
    assert.throws(
      () => session.redact(text),
      (error: Error & { code?: string }) =>
        error.code === 'PRIVACY_REFUSED' &&
        error.message.includes(`line ${line}`) &&
        !/olsen|hush/i.test(error.message),
      text,
    );
  }
});

test('wrong lines are errors, all at once, with their numbers', () => {
  const wrong = [
    'redact',
    'withhold x',
    'redact /abc',
    'redact /a/g',
    'redact /etc/passwd',
    'redact /(a+)+b/',
    'redact /(?:x(?:ab*)c){2,}/',
    'redact /[a/',
    'redact /x*/',
    `redact ${'x'.repeat(1001)}`,
  ];
  const text = `# ok\nredact fine\n${wrong.join('\n')}\nrefuse /fine/`;
  assert.throws(
    () => parsePrivacyRules(text, '/etc/rules'),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, 'CONFIG_INVALID');
      for (const [index] of wrong.entries()) assert.match(error.message, new RegExp(`line ${index + 3}: `));
      assert.doesNotMatch(error.message, /line (?:1|2|13):/);
      return true;
    },
  );
  for (const fine of [
    'redact /[(a+)+]/',
    'redact /a\\(b+\\)+/',
    'redact /(?:ab|cd){2}e+/',
    'redact /\\/etc\\/passwd/',
  ]) {
    assert.equal(parsePrivacyRules(fine, 'rules').length, 1, fine);
  }
});

test('a file is read, and one that cannot be is an error', () => {
  const directory = mkdtempSync(join(tmpdir(), 'mema-rules-'));
  try {
    const path = join(directory, 'privacy.rules');
    writeFileSync(path, '\uFEFFredact x\r\nrefuse /y/\r\n');
    assert.deepEqual(
      readPrivacyRules(path).map(({ action, line }) => [action, line]),
      [
        ['redact', 1],
        ['refuse', 2],
      ],
    );
    assert.throws(() => readPrivacyRules(join(directory, 'none')), { code: 'CONFIG_INVALID', message: /ENOENT/ });
    assert.throws(() => readPrivacyRules(directory), { code: 'CONFIG_INVALID' });
    writeFileSync(path, 'redact x\n'.repeat(1001));
    assert.throws(() => readPrivacyRules(path), { code: 'CONFIG_INVALID', message: /1001 rules/ });
    writeFileSync(path, '#'.repeat(300_000));
    assert.throws(() => readPrivacyRules(path), { code: 'CONFIG_INVALID', message: /300000 bytes/ });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a regex that runs away is stopped, and then nothing is sent', () => {
  const session = open('redact quick\nredact /(?:a|a)*b|(?:a|aa)+c/', 100);
  const startedMs = performance.now();
  assert.throws(() => session.redact('a'.repeat(60)), { code: 'PRIVACY_REFUSED', message: /line 2/ });
  assert.ok(performance.now() - startedMs < 5000);
  assert.equal(session.redact('quick').redactions, 1);
});
