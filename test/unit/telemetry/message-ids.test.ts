// The ids by which an operator finds an event in the journal: of the right form, each its own, and in the lines.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEvents } from '../../../src/telemetry/events.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { MESSAGE_ID } from '../../../src/telemetry/message-ids.ts';
import { createMetrics } from '../../../src/telemetry/metrics-registry.ts';

test('ids are 128 bits and no two are the same', () => {
  const ids = Object.values(MESSAGE_ID);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
  assert.equal(new Set(ids).size, ids.length);
});

test('a refused key and a broken chain carry theirs; a chain that holds carries none', () => {
  const seen: unknown[] = [];
  const note = (fields: object): void => void seen.push('messageId' in fields ? fields.messageId : undefined);
  const logger: Logger = { debug: note, info: note, warn: note, error: note, child: () => logger };
  using metrics = createMetrics({ buildInfo: { version: '0', commit: 'none', node: process.version } });
  const events = createEvents(logger, metrics);
  events.authFailed({ reason: 'unknown', address: '127.0.0.1', transport: 'http', isRepeat: false });
  events.auditChainChecked({ valid: false, records: 2, reason: 'record 2 was changed' });
  events.auditChainChecked({ valid: true, records: 2 });
  assert.deepEqual(seen, [MESSAGE_ID.authFail, MESSAGE_ID.chainBroken, undefined]);
});
