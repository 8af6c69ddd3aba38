// Every block of the corpus, run in each real sandbox engine on a real memory root, ends as CPython ended it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createMemoryFunctions } from '../../src/agent/functions/memory-functions.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import type { OnCall, SandboxRun } from '../../src/sandbox/sandbox.ts';
import { readCorpus, readVault, unstableNames } from '../helpers/python-corpus.ts';
import { listEngines } from '../helpers/sandbox-engines.ts';
import { openTestRoot } from '../unit/memory/open-test-root.ts';

/** The stand-in behind the corpus words this error in its own way; ours is the text that the model was trained on. */
const OUR_WORDING: Readonly<Record<string, Record<string, unknown>>> = {
  s015: {
    result: "Error: Could not find the specified content in the file. Looking for: '- living_location: berlin...'",
  },
};

const { signal } = new AbortController();
const corpus = readCorpus();

test('the corpus is complete', () => assert.equal(corpus.length, 140));

for (const engine of await listEngines()) {
  describe(engine.name, () => {
    const sandbox = createSandbox(engine.options);
    let current: OnCall = () => Promise.reject(new Error('no block is running'));
    let run: SandboxRun;

    before(async () => {
      run = await sandbox.openRun({ onCall: (name, args, kwargs) => current(name, args, kwargs), signal });
    });

    after(async () => {
      await run[Symbol.asyncDispose]();
      await sandbox[Symbol.asyncDispose]();
    });

    for (const block of corpus) {
      test(`block ${block.id}`, async () => {
        await using memory = openTestRoot({ notes: block.vault });
        const functions = createMemoryFunctions({
          root: memory.root,
          scopes: new Set(['memory:read', 'memory:write']),
          record: async () => {},
        });
        current = functions.onCall;
        const outcome = await run.execute(block.code, { timeoutMs: 20_000, signal });
        assert.ok(outcome.kind === 'done', JSON.stringify(outcome));
        const { expected } = block;
        assert.equal(outcome.errorType, expected.error_type, outcome.error ?? '');
        const unstable = unstableNames(block);
        assert.deepEqual(
          without(outcome.variablesJson, unstable),
          without({ ...expected.vars, ...OUR_WORDING[block.id] }, unstable),
        );
        if (!unstable.has('<files>')) assert.deepEqual(readVault(memory.directory), expected.files);
      });
    }
  });
}

function without(variables: Record<string, unknown>, names: ReadonlySet<string>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !names.has(name)));
}
