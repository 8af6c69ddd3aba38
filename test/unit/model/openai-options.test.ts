// Addresses and trust: what is accepted, what is refused with a fix, and which servers count as the owner's own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnswerText } from '../../../src/model/answer-text.ts';
import { parseChunk, parseErrorBody } from '../../../src/model/chat-chunk.ts';
import { parseModelNames } from '../../../src/model/model-discovery.ts';
import { openOpenAiBackend } from '../../../src/model/openai-compatible.ts';
import { defaultOpenAiOptions, judgeTrust, parseBaseUrl } from '../../../src/model/openai-options.ts';

test('addresses', () => {
  const of = (url: string): string[] => {
    const { origin, socketPath, prefix, shown } = parseBaseUrl(url);
    return [origin, socketPath ?? '', prefix, shown];
  };
  assert.deepEqual(of('http://127.0.0.1:8000'), ['http://127.0.0.1:8000', '', '/v1', 'http://127.0.0.1:8000/v1']);
  assert.deepEqual(of('http://h:1/v1/'), ['http://h:1', '', '/v1', 'http://h:1/v1']);
  assert.deepEqual(of('https://x.example/api/v1'), ['https://x.example', '', '/api/v1', 'https://x.example/api/v1']);
  assert.deepEqual(of('unix:/run/v.sock'), ['http://localhost', '/run/v.sock', '/v1', 'unix:/run/v.sock']);
  assert.deepEqual(of('unix:///run/v.sock:/api'), ['http://localhost', '/run/v.sock', '/api', 'unix:/run/v.sock']);
  for (const bad of ['', 'localhost:8000', 'ftp://x', 'unix:relative.sock', 'http://user:pw@host/v1']) {
    assert.throws(() => parseBaseUrl(bad), { code: 'CONFIG_INVALID' }, bad);
  }
});

test('trust: this machine is local, all else is cloud unless the operator says so', () => {
  for (const url of ['http://127.0.0.1:1', 'http://127.9.9.9/v1', 'http://localhost:1', 'http://[::1]:1', 'unix:/a']) {
    assert.equal(judgeTrust(url, ''), 'local', url);
  }
  for (const url of [
    'http://10.0.0.5:8000',
    'https://api.example.com/v1',
    'http://127.0.0.1.evil.example',
    'http://localhost.evil.example',
  ]) {
    assert.equal(judgeTrust(url, ''), 'cloud', url);
  }
  assert.equal(judgeTrust('http://10.0.0.5:8000', 'local'), 'local');
  assert.equal(judgeTrust('http://127.0.0.1:1', 'cloud'), 'cloud');
});

test('a key that can be no header is refused without being shown', () => {
  const open = (): unknown =>
    openOpenAiBackend({ ...defaultOpenAiOptions, baseUrl: 'http://127.0.0.1:1', trust: 'local', apiKey: 'ab\r\nx: y' });
  assert.throws(open, (error: Error) => error.message.includes('model.api_key') && !error.message.includes('x: y'));
});

test('bodies of errors in every shape in use', () => {
  assert.deepEqual(parseErrorBody('{"error":{"message":"m","code":404}}'), { message: 'm', status: 404 });
  assert.deepEqual(parseErrorBody('{"error":"Unauthorized"}'), { message: 'Unauthorized', status: null });
  assert.deepEqual(parseErrorBody('{"object":"error","message":"m","code":400}'), { message: 'm', status: null });
  assert.deepEqual(parseErrorBody('{"detail":"Not Found"}'), { message: 'Not Found', status: null });
  assert.deepEqual(parseErrorBody('{"error":{"message":"m","code":"invalid_api_key"}}'), {
    message: 'm',
    status: null,
  });
  assert.deepEqual(parseErrorBody('<html><b>Bad</b> gateway</html>'), { message: 'Bad gateway', status: null });
  assert.deepEqual(parseErrorBody('[]'), { message: '', status: null });
});

test('odd chunks are read without harm', () => {
  const empty = { content: '', reasoning: '', finishReason: null, usage: null, model: null, error: null };
  for (const text of [
    '{}',
    '{"choices":[]}',
    '{"choices":null}',
    '{"choices":[{"delta":null}]}',
    '{"choices":[{"delta":{"content":5}}]}',
  ]) {
    const { json: _json, ...chunk } = parseChunk(text);
    assert.deepEqual(chunk, empty, text);
  }
  const parts = '{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"text":"b"}]}}]}';
  assert.equal(parseChunk(parts).content, 'ab');
  assert.equal(parseChunk('{"usage":{"prompt_tokens":"7"}}').usage, null);
  assert.deepEqual(parseChunk('{"usage":{"prompt_tokens":7}}').usage, { inputTokens: 7, outputTokens: 0 });
  assert.equal(parseChunk('{"usage":{"prompt_tokens":7,"cost":0.25}}').usage?.costUsd, 0.25);
  assert.equal(parseChunk('{"usage":{"prompt_tokens":7,"cost":-1}}').usage?.costUsd, undefined);
  assert.throws(() => parseChunk('nonsense'), { code: 'MODEL_PROTOCOL' });
  assert.throws(() => parseChunk('[1]'), { code: 'MODEL_PROTOCOL' });
});

test('lists of models', () => {
  assert.deepEqual(parseModelNames('{"data":[{"id":"a"},{"id":5},null,{"id":"b"}]}'), ['a', 'b']);
  assert.deepEqual(parseModelNames('[{"id":"a"}]'), ['a']);
  assert.throws(() => parseModelNames('{"data":"x"}'), { code: 'MODEL_PROTOCOL' });
  assert.throws(() => parseModelNames('<html>'), { code: 'MODEL_PROTOCOL' });
});

test('a thought is put back once, whatever the server left of its tags', () => {
  const put = (...pieces: [string, string][]): string => {
    const answer = new AnswerText();
    for (const [reasoning, content] of pieces) answer.add(reasoning, content);
    return answer.text;
  };
  assert.equal(put(['a', ''], ['b', ''], ['', '\n\n'], ['', 'x']), '<think>ab</think>\nx');
  assert.equal(put(['<think>a</think>', 'x']), '<think>a</think>\nx');
  assert.equal(put(['', 'x'], ['late', 'y']), 'xy');
  assert.equal(put(['a', '']), '<think>a');
  assert.equal(put(['', ' x']), ' x');
});
