// Bytes to lines: whole characters, no line above its bound however it arrives, nothing held beyond it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../../../src/lib/app-error.ts';
import { createLineSplitter } from '../../../src/lib/json-lines.ts';

test('lines of the allowed length pass in any cut, a longer one is refused as soon as it is known', () => {
  const lines: string[] = [];
  const splitter = createLineSplitter((line) => lines.push(line), 10);
  const text = Buffer.from('zürich-é\n\n0123456789\nx\n');
  for (const byte of text) splitter.push(Buffer.of(byte));
  splitter.push(text);
  splitter.end();
  assert.deepEqual(lines, ['zürich-é', '0123456789', 'x', 'zürich-é', '0123456789', 'x']);
  const tooLarge = (error: unknown): boolean => error instanceof AppError && error.code === 'TOO_LARGE';
  for (const pieces of [['01234567890\n'], ['012345', '67890'], ['ok\n01234567890']]) {
    const bounded = createLineSplitter(() => undefined, 10);
    assert.throws(() => pieces.forEach((piece) => bounded.push(Buffer.from(piece))), tooLarge);
  }
});
