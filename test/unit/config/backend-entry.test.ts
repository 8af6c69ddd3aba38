// The entries of model.backends: what they may say, and what is said when they don't.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backendsProblem, parseBackendEntries } from '../../../src/config/backend-entry.ts';
import { urlProblem } from '../../../src/config/value-rules.ts';

const problem = (...entries: string[]): string | undefined => backendsProblem(entries, urlProblem);

test('an address alone is enough', () => {
  assert.equal(problem('http://127.0.0.1:8001/v1', 'unix:/run/second.sock'), undefined);
  assert.deepEqual(parseBackendEntries(['http://127.0.0.1:8001/v1']), [
    {
      baseUrl: 'http://127.0.0.1:8001/v1',
      name: 'server1',
      priority: 20,
      model: '',
      trust: '',
      apiKeyFile: '',
      paid: false,
    },
  ]);
});

test('pairs say the rest', () => {
  const entry = 'https://gpu.example/v1 name=gpu2 priority=5 model=org/m trust=local api_key_file=/etc/k paid=true';
  assert.equal(problem(entry), undefined);
  assert.deepEqual(parseBackendEntries([entry])[0], {
    baseUrl: 'https://gpu.example/v1',
    name: 'gpu2',
    priority: 5,
    model: 'org/m',
    trust: 'local',
    apiKeyFile: '/etc/k',
    paid: true,
  });
});

test('what is wrong is named, and a secret in an entry is not quoted', () => {
  assert.match(problem('ftp://x') ?? '', /entry 1 must begin with the address of a server/);
  assert.match(problem('http://a/v1 prio=3') ?? '', /there is no prio; known are name, priority/);
  assert.match(problem('http://a/v1 priority=x') ?? '', /priority must be a whole number/);
  assert.match(problem('http://a/v1 trust=maybe') ?? '', /trust must be local or cloud/);
  assert.match(problem('http://a/v1 name=worker') ?? '', /the name worker is taken/);
  assert.match(problem('http://a/v1 name=x', 'http://b/v1 name=x') ?? '', /entry 2: the name x is taken/);
  for (const entry of ['http://a/v1 sk-SECRET', 'http://a/v1 api_key_file=sk-SECRET', 'http://u:SECRET@a/v1']) {
    assert.doesNotMatch(problem(entry) ?? '', /SECRET/);
    assert.notEqual(problem(entry), undefined);
  }
});
