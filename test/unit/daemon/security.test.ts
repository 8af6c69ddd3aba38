// A changed key, policy or configuration is told as a security event, once its call is recorded; nothing else is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSecurity } from '../../../src/daemon/open-security.ts';
import { createEvents } from '../../../src/telemetry/events.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics-registry.ts';
import { intent, openAudit } from '../audit/audit-fixture.ts';

test('changes are told when they are done, with id and metric, and leave no second record', async () => {
  await using fixture = openAudit();
  const told: object[] = [];
  const note = (fields: object): void => void told.push(fields);
  const logger: Logger = { debug: note, info: note, warn: note, error: note, child: () => logger };
  using metrics = createMetrics({
    buildInfo: { version: '0', commit: 'none', node: process.version },
    clock: fixture.clock,
  });
  await using security = openSecurity(fixture.audit, createEvents(logger, metrics), fixture.clock);
  for (const [action, outcome] of [
    ['key.create', 'ok'],
    ['key.create', 'error'],
    ['key.change', 'ok'],
    ['config.reload', 'ok'],
    ['key.list', 'ok'],
  ] as const) {
    const call = await security.audit.begin(intent({ action }));
    await call.finish({ outcome, durationMs: 1 });
  }
  const ids = told.map((fields) => ('securityId' in fields ? fields.securityId : undefined));
  assert.deepEqual(ids, ['SEC-006', 'SEC-007', 'SEC-008']);
  assert.match(await metrics.render(), /memagent_security_events_total\{event="policy_changed"\} 1/);
  assert.equal(fixture.audit.head().seq, 10);
});
