// The official suite at both revisions: no failure with the fixtures; the plain product lacks exactly what its baseline says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { baselineFile, conformanceBinary, REVISIONS, runConformance } from '../helpers/conformance/run-conformance.ts';

for (const revision of REVISIONS) {
  test(`${revision}: no scored failure with the fixtures`, async () => {
    const binary = requireBinary();
    const result = await runConformance(binary, { revision, fixtures: true });
    assert.equal(result.exitCode, 0, `${result.summary}\n${result.failures.join('\n')}`);
    assert.ok(result.checks > 80, `only ${result.checks} checks ran`);
  });

  test(`${revision}: the plain product fails only what needs a fixture`, async () => {
    const binary = requireBinary();
    const result = await runConformance(binary, { revision, fixtures: false, baseline: baselineFile(revision) });
    assert.equal(result.exitCode, 0, `${result.summary}\n${result.failures.join('\n')}`);
  });
}

function requireBinary(): string {
  const binary = conformanceBinary();
  assert.ok(
    binary !== undefined,
    'Install the suite first: npm ci --prefix test/helpers/conformance (or set CONFORMANCE_BIN)',
  );
  return binary;
}
