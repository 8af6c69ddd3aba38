// Lines of a hostile child: only known shapes get through, and no line grows without limit.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineSplitter, parseGuestLine, ProtocolViolation } from '../../../src/sandbox/protocol.ts';

const LIMITS = { outputBytes: 1000 };
const DONE = { type: 'done', repr: '{}', json: {}, error: null, errorType: null, printed: '' };

test('known messages are read', () => {
  assert.deepEqual(parseGuestLine('{"type":"ready"}', LIMITS), { type: 'ready' });
  const call = { type: 'call', name: 'read_file', args: ['user.md'], kwargs: {} };
  assert.deepEqual(parseGuestLine(JSON.stringify(call), LIMITS), call);
  assert.deepEqual(parseGuestLine(JSON.stringify(DONE), LIMITS), DONE);
});

test('anything else is a violation', () => {
  const lines = [
    '',
    'null',
    '[]',
    '1',
    '{"type":"ready"',
    '{"type":"exec"}',
    '['.repeat(100_000),
    JSON.stringify({ type: 'call', name: '__proto__', args: [], kwargs: [] }),
    JSON.stringify({ type: 'call', name: '../x', args: [], kwargs: {} }),
    JSON.stringify({ type: 'call', name: 'x'.repeat(100), args: [], kwargs: {} }),
    JSON.stringify({ type: 'call', name: 'read_file', args: Array.from({ length: 9 }), kwargs: {} }),
    JSON.stringify({ ...DONE, json: [] }),
    JSON.stringify({ ...DONE, errorType: 'a\nb' }),
    JSON.stringify({ ...DONE, error: 1 }),
  ];
  for (const line of lines) assert.throws(() => parseGuestLine(line, LIMITS), ProtocolViolation, line.slice(0, 60));
});

test('a result over the ceiling is an output violation', () => {
  const line = JSON.stringify({ ...DONE, repr: 'x'.repeat(1001) });
  assert.throws(() => parseGuestLine(line, LIMITS), { reason: 'output' });
});

test('variables never become a prototype', () => {
  const line = `{"type":"done","repr":"","json":{"__proto__":{"a":1},"a b":1,"ok":2},"error":null,"errorType":null,"printed":""}`;
  const message = parseGuestLine(line, LIMITS);
  assert.ok(message.type === 'done');
  assert.deepEqual(Object.keys(message.json), ['ok']);
  assert.equal(Object.getPrototypeOf(message.json), Object.prototype);
});

test('any text is either a message or a violation', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
      try {
        return ['ready', 'call', 'done'].includes(parseGuestLine(line, LIMITS).type);
      } catch (error) {
        return error instanceof ProtocolViolation;
      }
    }),
  );
});

test('lines come out whole however the bytes are cut', () => {
  const text = 'erste\nzwéite 😀\n\nlast\n';
  fc.assert(
    fc.property(fc.array(fc.nat(30), { maxLength: 8 }), (cuts) => {
      const splitter = new LineSplitter(100);
      let rest = Buffer.from(text);
      const lines: string[] = [];
      for (const cut of cuts) {
        lines.push(...splitter.push(rest.subarray(0, cut)));
        rest = rest.subarray(cut);
      }
      lines.push(...splitter.push(rest));
      assert.deepEqual(lines, ['erste', 'zwéite 😀', '', 'last']);
    }),
  );
});

test('a line without end is cut off', () => {
  const splitter = new LineSplitter(10);
  splitter.push(Buffer.from('12345'));
  assert.throws(() => splitter.push(Buffer.from('678901')), { reason: 'output' });
});
