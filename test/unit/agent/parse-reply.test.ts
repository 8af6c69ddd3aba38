// The table of odd model outputs: each case the original got wrong, with the behaviour we want.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAnswerComplete, parseReply } from '../../../src/agent/parse-reply.ts';

function codeOf(text: string): string {
  const parsed = parseReply(text);
  assert.equal(parsed.kind, 'python', JSON.stringify(parsed));
  return parsed.kind === 'python' ? parsed.code : '';
}

function remarkOf(text: string): string {
  const parsed = parseReply(text);
  assert.equal(parsed.kind, 'python', JSON.stringify(parsed));
  return parsed.kind === 'python' ? (parsed.remark ?? '') : '';
}

function replyOf(text: string): string {
  const parsed = parseReply(text);
  assert.equal(parsed.kind, 'reply', JSON.stringify(parsed));
  return parsed.kind === 'reply' ? parsed.reply : '';
}

function faultOf(text: string): string {
  const parsed = parseReply(text);
  assert.equal(parsed.kind, 'malformed', JSON.stringify(parsed));
  return parsed.kind === 'malformed' ? parsed.fault : '';
}

test('the plain cases', () => {
  assert.equal(codeOf('<think>go</think>\n<python>\nx = read_file("user.md")\n</python>'), 'x = read_file("user.md")');
  assert.equal(replyOf('<think>done</think>\n<python></python>\n<reply>\nHello.\n</reply>'), 'Hello.');
  assert.equal(replyOf('<think>done</think><python>\n</python><reply>Hi</reply>'), 'Hi');
  assert.equal(parseReply('<python>x = 1</python>').kind, 'python');
});

const CODE_CASES: [name: string, text: string, code: string][] = [
  ['fence with language inside the block', '<think>a</think><python>\n```python\nx=1\n```\n</python>', 'x=1'],
  ['fence without language', '<python>\n```\nx=1\n```\n</python>', 'x=1'],
  ['fence on one line', '<python>```python x=1```</python>', 'x=1'],
  ['fence that is never closed', '<python>\n```py\nx=1\n</python>', 'x=1'],
  ['prose after the closing fence', '<python>\n```python\nx=1\n```\nThis sets x.\n</python>', 'x=1'],
  [
    'fence in the text of a note',
    '<python>\ncreate_file("a.md", """\n```js\nlet a\n```\n""")\n</python>',
    'create_file("a.md", """\n```js\nlet a\n```\n""")',
  ],
  [
    'fence around code with a fence in a note',
    '<python>\n```python\na = """\n```\nb\n```\n"""\n```\n</python>',
    'a = """\n```\nb\n```\n"""',
  ],
  ['the tag named in the thought', '<think>I use <python> tags</think>\n<python>\nx = 1\n</python>', 'x = 1'],
  [
    'a whole block drafted in the thought',
    '<think>\n<python>\nwrong = 1\n</python>\n</think>\n<python>\nx = 1\n</python>',
    'x = 1',
  ],
  ['a reply drafted in the thought', '<think><reply>no</reply></think><python>x = 1</python>', 'x = 1'],
  ['only the end of the thought', 'so I use <python> now\n</think>\n\n<python>\nx = 1\n</python>', 'x = 1'],
  [
    'a draft in a thought the template opened',
    'maybe\n<python>\nwrong = 1\n</python>\nno\n</think>\n<python>\nx = 1\n</python>',
    'x = 1',
  ],
  [
    'the thought names its own closing tag',
    '<think>I must write </think> before\n</think>\n<python>\nx = 1\n</python>',
    'x = 1',
  ],
  ['two thoughts', '<think>a</think>\n<think>b <python></think>\n<python>\nx = 1\n</python>', 'x = 1'],
  [
    'closing tag in a string',
    '<python>\nupdate_file("a.md", "x", "</python> ends it")\n</python>',
    'update_file("a.md", "x", "</python> ends it")',
  ],
  ['closing tag of the thought in a string', 'Sure:\n<python>\nx = "</think>"\n</python>', 'x = "</think>"'],
  ['reply tags in a string', '<python>\nx = "<reply>no</reply>"\n</python>', 'x = "<reply>no</reply>"'],
  ['apostrophe in a comment', "<python>\n# don't stop\nx = 1\n</python>", "# don't stop\nx = 1"],
  ['closing tag on a comment line', '<python>x = 1 # set x</python>', 'x = 1 # set x'],
  ['a string the model forgot to close', '<python>\nx = """abc\n</python>', 'x = """abc'],
  ['capital tags, spaces in the tag', '<Think>a</Think><PYTHON >x = 1</Python>', 'x = 1'],
  ['a doubled opening tag', '<python>\n<python>\nx = 1\n</python>', 'x = 1'],
  ['prose that mentions the tag before it', 'I will use <python> now:\n<python>\nx = 1\n</python>', 'x = 1'],
  ['a whole block indented', '<python>\n    x = 1\n    if x:\n        y = 2\n</python>', 'x = 1\nif x:\n    y = 2'],
  ['an empty block before the full one', '<python></python><python>x = 1</python>', 'x = 1'],
  ['a thought that never closed, but ends on a block', '<think>let me read\n<python>\nx = 1\n</python>', 'x = 1'],
  ['Windows line ends', '<think>a</think>\r\n<python>\r\nx = 1\r\n</python>', 'x = 1'],
];

for (const [name, text, code] of CODE_CASES) {
  test(`block: ${name}`, () => {
    assert.equal(codeOf(text), code);
  });
}

test('of two blocks the first runs, and the model is told', () => {
  const text = '<think>a</think><python>x = 1</python><python>y = 2</python>';
  assert.equal(codeOf(text), 'x = 1');
  assert.match(remarkOf(text), /only the first python block/);
});

test('a block and a reply together: the block runs, the reply is dropped, the model is told', () => {
  for (const text of [
    '<think>a</think><python>x = 1</python><reply>done</reply>',
    '<think>a</think><reply>done</reply><python>x = 1</python>',
    '<think>a</think><python>x = 1</python><reply>done',
  ]) {
    assert.equal(codeOf(text), 'x = 1');
    assert.match(remarkOf(text), /reply was dropped/);
  }
});

test('remarks never hold a tag', () => {
  assert.doesNotMatch(remarkOf('<python>x = 1</python><python>y</python><reply>z</reply>'), /</);
});

const REPLY_CASES: [name: string, text: string, reply: string][] = [
  ['no block at all', '<think>a</think><reply>yes</reply>', 'yes'],
  [
    'a reply in the thought is not the reply',
    '<think><reply>no</reply></think>\n<python></python>\n<reply>yes</reply>',
    'yes',
  ],
  [
    'block tags inside the reply are text',
    '<python></python><reply>Write <python>x</python> there</reply>',
    'Write <python>x</python> there',
  ],
  ['two replies: the first', '<reply>one</reply><reply>two</reply>', 'one'],
  ['reply, then an opening that goes nowhere', '<reply>one</reply><python>', 'one'],
];

for (const [name, text, reply] of REPLY_CASES) {
  test(`reply: ${name}`, () => {
    assert.equal(replyOf(text), reply);
  });
}

const FAULTS: [name: string, text: string, fault: string][] = [
  ['nothing', '', 'empty'],
  ['only a thought', '<think>hm</think>', 'empty'],
  ['only an open thought', '<think>hm, <reply>no</reply> and so on', 'unclosed-think'],
  ['empty block and no reply', '<think>a</think><python>\n</python>', 'no-action'],
  ['empty reply', '<reply></reply>', 'empty-reply'],
  ['blank reply', '<python></python><reply> \n </reply>', 'empty-reply'],
  ['plain text', 'You live in Porto.', 'no-tags'],
  ['code in a fence without tags', '```python\nx = 1\n```', 'no-tags'],
  ['unclosed block', '<think>a</think><python>\nx = 1', 'unclosed'],
  ['unclosed reply', '<think>a</think><reply>yes', 'unclosed'],
];

for (const [name, text, fault] of FAULTS) {
  test(`malformed: ${name}`, () => {
    assert.equal(faultOf(text), fault);
  });
}

test('usable text: plain words and an unclosed reply, but no code and no thought', () => {
  const usable = (text: string): string => {
    const parsed = parseReply(text);
    return parsed.kind === 'malformed' ? parsed.usableText : 'not malformed';
  };
  assert.equal(usable('<think>a</think>You live in Porto.'), 'You live in Porto.');
  assert.equal(usable('<reply>yes'), 'yes');
  assert.equal(usable('<python>x = 1'), '');
  assert.equal(usable('<think>secret thought'), '');
});

test('streaming: complete exactly when the block or the reply has closed', () => {
  const text = '<think>use <python>x</python> maybe</think>\n<python>\nx = "</python>"\n</python>\n<reply>more';
  const full = text.indexOf('</python>\n<reply>') + '</python>'.length;
  for (let length = 0; length <= text.length; length += 1) {
    assert.equal(isAnswerComplete(text.slice(0, length)), length >= full, text.slice(0, length));
  }
});

test('streaming: an empty block waits for the reply; an open string and an open thought wait', () => {
  assert.equal(isAnswerComplete('<think>a</think><python></python>'), false);
  assert.equal(isAnswerComplete('<think>a</think><python></python><reply>x</reply>'), true);
  assert.equal(isAnswerComplete('<python>x = """ </python>'), false);
  assert.equal(isAnswerComplete('a draft:\n<python>\nx = 1\n</python>'), false);
  assert.equal(isAnswerComplete('<python>x = 1</python>'), true);
});
