// Whose fault a failure is, and when it may work again, from what servers really send.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../../../src/lib/app-error.ts';
import { blameOf, parseRetryAfter } from '../../../src/model/model-error.ts';
import { connectionFailure, httpFailure } from '../../../src/model/model-failure.ts';

const context = { server: 'http://s/v1', apiKey: undefined };
const blame = (status: number, message = 'no', retryAfter?: string): string =>
  blameOf(httpFailure(status, { message, status: null }, context, { retryAfter }));

test('another backend may do better at what is this one’s fault, none at what is the request’s', () => {
  for (const status of [401, 402, 403, 404, 408, 500, 502, 503]) assert.equal(blame(status), 'backend', String(status));
  assert.equal(blame(429), 'busy');
  for (const status of [400, 413, 422]) assert.equal(blame(status), 'request', String(status));
  assert.equal(blame(400, "This model's maximum context length is 32768 tokens"), 'request');
  assert.equal(blameOf(connectionFailure(new Error('x'), context)), 'backend');
  assert.equal(blameOf(new AppError('MODEL_PROTOCOL', 'garbage')), 'backend');
});

test('Retry-After is seconds or a date; nonsense is nothing', () => {
  const nowMs = Date.parse('2026-11-24T10:00:00Z');
  assert.equal(parseRetryAfter('7', nowMs), 7);
  assert.equal(parseRetryAfter('0.2', nowMs), 1);
  assert.equal(parseRetryAfter('Tue, 24 Nov 2026 10:01:30 GMT', nowMs), 90);
  assert.equal(parseRetryAfter('Tue, 24 Nov 2026 09:00:00 GMT', nowMs), 0);
  assert.equal(parseRetryAfter('soon', nowMs), undefined);
  assert.equal(parseRetryAfter(undefined, nowMs), undefined);
  assert.equal(httpFailure(503, { message: 'no', status: null }, context, { retryAfter: '12' }).retryAfterS, 12);
});
