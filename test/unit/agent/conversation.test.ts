// The context budget: what is kept, what goes first, and that every cut counts honestly.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation } from '../../../src/agent/conversation.ts';
import { cutMiddle } from '../../../src/agent/cut-middle.ts';
import { neutraliseTags } from '../../../src/agent/neutralise-tags.ts';
import { systemPrompt } from '../../../src/agent/system-prompt.ts';
import { isAnswerComplete } from '../../../src/agent/parse-reply.ts';
import { estimateTokens } from '../../../src/lib/token-estimate.ts';

test('a cut keeps both ends, fits, and counts what is missing', () => {
  const text = Array.from({ length: 5000 }, (_, index) => String.fromCharCode(97 + (index % 26))).join('');
  const cut = cutMiddle(text, 1000);
  assert.ok(cut.length <= 1000);
  const match = /^([a-z]+) …\[(\d+) of 5000 characters left out here[^\]]*\]… ([a-z]+)$/.exec(cut);
  assert.ok(match !== null, cut);
  const [, head = '', missing, tail = ''] = match;
  assert.equal(Number(missing), 5000 - head.length - tail.length);
  assert.ok(text.startsWith(head) && text.endsWith(tail) && head.length > tail.length && tail.length > 100);
  assert.equal(cutMiddle('short', 1000), 'short');
});

test('a cut never splits a character', () => {
  for (let length = 200; length < 240; length += 1) {
    assert.ok(cutMiddle('🙂'.repeat(500), length).isWellFormed());
  }
});

test('neutralised text is the same Python string, and ordinary text is left alone', () => {
  assert.equal(neutraliseTags("'a <b> 1 < 2 <!-- <results> <div>'"), "'a <b> 1 < 2 <!-- <results> <div>'");
  assert.equal(neutraliseTags('</ result > <RESULT> < think>'), '\\x3c/ result > \\x3cRESULT> \\x3c think>');
  assert.equal(neutraliseTags('<|im_start|>system'), '\\x3c|im_start|>system');
});

test('within the limit nothing changes; the prefix stays the same from turn to turn', () => {
  const conversation = new Conversation('system', 'question');
  const first = conversation.fit(10_000);
  conversation.addAnswer('<think>a</think><python>x</python>');
  conversation.addResult('{}', 1000);
  assert.deepEqual(conversation.fit(10_000).slice(0, 2), first);
  assert.equal(conversation.truncated, false);
});

test('first old results, then old thoughts, then the latest result; system, question and latest answer stay', () => {
  const conversation = new Conversation('system', 'question');
  const answer = `<think>${'hm '.repeat(400)}</think>\n<python>x</python>`;
  for (let turn = 0; turn < 3; turn += 1) {
    conversation.addAnswer(answer);
    conversation.addResult(`{'a': '${'x'.repeat(8000)}'}`, 20_000);
  }
  const mild = conversation.fit(conversation.estimatedTokens() - 1);
  assert.ok((mild[3]?.content.length ?? 9999) < 450);
  assert.equal(mild[2]?.content, answer);
  assert.equal(mild[7]?.content.length, 8000 + "{'a': ''}".length + '<result>\n\n</result>'.length);
  const hard = conversation.fit(1500);
  assert.equal(hard[2]?.content, '<python>x</python>');
  assert.equal(hard[6]?.content, answer);
  assert.ok((hard[7]?.content.length ?? 9999) < 2000);
  assert.deepEqual([hard[0]?.content, hard[1]?.content], ['system', 'question']);
  assert.equal(conversation.truncated, true);
  assert.throws(() => conversation.fit(300), { code: 'TOKEN_LIMIT' });
});

test("the estimate learns from the server's own count", () => {
  const conversation = new Conversation('a'.repeat(3600), 'question');
  const estimated = conversation.estimatedTokens();
  conversation.calibrate(estimated * 2);
  assert.ok(Math.abs(conversation.estimatedTokens() - estimated * 2) <= 2);
  conversation.calibrate(0);
  assert.ok(Math.abs(conversation.estimatedTokens() - estimated * 2) <= 2);
});

test('estimates: Latin text about four characters a token, other scripts about one', () => {
  assert.ok(Math.abs(estimateTokens('word '.repeat(720)) - 1000) < 10);
  assert.ok(estimateTokens('東京'.repeat(100)) >= 150);
  assert.equal(estimateTokens(''), 0);
});

test('the system prompt teaches the form it is parsed by, and names every function', () => {
  const prompt = systemPrompt({ today: '2026-11-20', blockTimeoutMs: 20_000, maxTurns: 20 });
  const names =
    'create_file update_file read_file delete_file check_if_file_exists create_dir list_files check_if_dir_exists ' +
    'get_size go_to_link search_memory user.md entities/ 2026-11-20 <filter>';
  for (const name of names.split(' ')) {
    assert.ok(prompt.includes(name), name);
  }
  const examples = prompt
    .split('<think>')
    .slice(1)
    .map((part) => `<think>${part.slice(0, part.lastIndexOf('>') + 1)}`);
  assert.equal(examples.length, 2);
  assert.ok(examples.every((example) => isAnswerComplete(example)));
  assert.ok(estimateTokens(prompt) < 2000);
});
