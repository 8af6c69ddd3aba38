// The flags that say what a key may do: what they become, and what is left of the policy before.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { addPolicyOptions, policyFrom, policyText, type PolicyOptions } from '../../../src/cli/policy-options.ts';

function options(...words: string[]): PolicyOptions {
  const command = addPolicyOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return command.parse(words, { from: 'user' }).opts<PolicyOptions>();
}

test('each flag fills its part; one that may be given again adds up', () => {
  const line =
    '--owner ana --label team=sales --label tier=a=b --read-path a/ --read-path b.md --write-path a/ --tool search ' +
    '--tool fetch --cidr 10.0.0.0/8 --limit requestsPerMinute=10 --limit usdPerDay=0.5 --limit search=3';
  const given = options(...line.split(' '));
  const policy = policyFrom(given, { owner: 'before', tools: ['list_files'] });
  assert.deepEqual(policy, {
    owner: 'ana',
    labels: { team: 'sales', tier: 'a=b' },
    readPaths: ['a/', 'b.md'],
    writePaths: ['a/'],
    tools: ['search', 'fetch'],
    cidrs: ['10.0.0.0/8'],
    limits: { requestsPerMinute: 10, usdPerDay: 0.5, toolCallsPerMinute: { search: 3 } },
  });
  assert.equal(
    policyText(policy ?? {}),
    'owner ana, reads a/ b.md, writes a/, tools search fetch, from 10.0.0.0/8, limits',
  );
});

test('what is not given stays; nothing given changes nothing; --policy replaces the whole', () => {
  const before = { owner: 'ana', tools: ['search'] };
  assert.equal(policyFrom(options(), before), undefined);
  assert.deepEqual(policyFrom(options('--tool', 'fetch'), before), { owner: 'ana', tools: ['fetch'] });
  assert.deepEqual(policyFrom(options('--policy', '{}'), before), {});
  assert.equal(policyText({}), 'no restrictions');
});

test('what is no pair, no number or no JSON is refused', () => {
  for (const words of [
    ['--label', 'x'],
    ['--limit', '=3'],
    ['--limit', 'usdPerDay=much'],
    ['--limit', 'requestPerMinute=5'],
    ['--policy', '{'],
  ]) {
    assert.throws(() => options(...words), { code: 'commander.invalidArgument' });
  }
});
