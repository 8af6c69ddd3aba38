// Secrets never reach a log line, and what is not one stays as it was.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redactSecrets } from '../../../src/telemetry/redact-secrets.ts';

const KEY = `mema_client_${'a1B'.repeat(16)}Z`;

test('keys of ours, bearer tokens and provider keys go, wherever they stand', () => {
  const cases = [
    KEY,
    `x ${KEY}, y`,
    `Authorization: Bearer ${KEY}`,
    'Bearer eyJhbGciOi.eyJzdWIi.c2ln',
    'basic dXNlcjpwYXNzd29yZA==',
    'sk-or-v1-0123456789abcdef',
    `https://h/?k=${KEY}`,
  ];
  for (const text of cases) {
    const clean = redactSecrets(text);
    assert.match(clean, /\[redacted\]/, text);
    for (const secret of ['a1Ba1B', 'eyJzdWIi', 'dXNlcjpw', '0123456789abcdef'])
      assert.ok(!clean.includes(secret), `${secret} is in ${clean}`);
  }
  assert.match(redactSecrets(KEY), /^mema_client_\[redacted\]$/);
});

test('fields that hold a secret lose their value; the line stays JSON, nested JSON in a string too', () => {
  const inner = JSON.stringify({ password: 'he said "hi" \\ there', note: 'kept' });
  const line = JSON.stringify({
    level: 'info',
    headers: { authorization: 'custom-scheme abc"def', 'x-api-key': 'plain' },
    api_key: 'q\\',
    body: inner,
    msg: 'm',
  });
  const parsed = JSON.parse(redactSecrets(line)) as {
    headers: Record<string, string>;
    api_key: string;
    body: string;
    msg: string;
  };
  assert.deepEqual(parsed.headers, { authorization: '[redacted]', 'x-api-key': '[redacted]' });
  assert.equal(parsed.api_key, '[redacted]');
  assert.deepEqual(JSON.parse(parsed.body), { password: '[redacted]', note: 'kept' });
  assert.equal(parsed.msg, 'm');
});

test('ordinary text is left alone', () => {
  for (const text of [
    'the bearer of news',
    'task-sk-1',
    '{"token_count":12,"key":"k_abc"}',
    'risk-free-solution',
    'mema_client keys',
  ])
    assert.equal(redactSecrets(text), text);
});

test('tokens of the places that models come from', () => {
  assert.equal(redactSecrets('token hf_abcDEF0123456789 used'), 'token hf_[redacted] used');
  assert.equal(redactSecrets('ghp_abcDEF0123456789'), 'ghp_[redacted]');
});

test('a long run of backslashes costs its length, not its square', { timeout: 20_000 }, () => {
  const run = '\\'.repeat(1_000_000);
  assert.equal(redactSecrets(`${run}x "cookie":"a"`), `${run}x "cookie":"[redacted]"`);
  assert.equal(redactSecrets(`${run}"cookie":"a"`), `${run}"cookie":"[redacted]"`);
});
