// The import rule of the layout: own folder or a lower level, and one library, one folder. Each ban has its reason.
import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { test } from 'node:test';
import { readSourceFiles } from '../helpers/source-files.ts';

const LEVELS: Record<string, number> = {
  lib: 0,
  config: 1,
  telemetry: 2,
  store: 3,
  audit: 4,
  auth: 4,
  usage: 4,
  privacy: 4,
  model: 5,
  worker: 5,
  sandbox: 5,
  memory: 5,
  agent: 6,
  connectors: 6,
  http: 7,
  daemon: 8,
  cli: 9,
};

/** Library -> where it may be imported, and why nowhere else. */
const LIBRARY_HOMES: { library: RegExp; folders: string[]; reason: string; typesToo: boolean }[] = [
  {
    library: /^(hono|@hono\/.*)(\/|$)/,
    folders: ['http'],
    reason: 'one place decides what listens and who may call',
    typesToo: true,
  },
  {
    library: /^@modelcontextprotocol\/server/,
    folders: ['http/mcp'],
    reason: 'the protocol is served in one place',
    typesToo: true,
  },
  {
    library: /^@modelcontextprotocol\/sdk/,
    folders: ['cli'],
    reason: 'the v1 client is what the command line speaks with',
    typesToo: true,
  },
  {
    library: /^(jose|oidc-provider)/,
    folders: ['auth', 'http/oauth'],
    reason: 'tokens are judged in one place',
    typesToo: true,
  },
  {
    library: /^better-sqlite3/,
    folders: ['store'],
    reason: 'pragmas and durability are set in one place',
    typesToo: false,
  },
  {
    library: /^(pino|prom-client|@opentelemetry\/.*)/,
    folders: ['telemetry'],
    reason: 'redaction and metric names live in one place',
    typesToo: true,
  },
  {
    library: /^(convict|smol-toml)/,
    folders: ['config'],
    reason: 'one table says what can be configured',
    typesToo: true,
  },
  {
    library: /^pyodide/,
    folders: ['sandbox/guest'],
    reason: 'the interpreter never runs in the core',
    typesToo: false,
  },
  {
    library: /^(undici|eventsource-parser)/,
    folders: ['model', 'worker', 'cli'],
    reason: 'egress leaves through the model folder',
    typesToo: true,
  },
  {
    library: /^node:ffi/,
    folders: ['lib'],
    reason: 'calls into C are few and in one place',
    typesToo: false,
  },
  {
    library: /^node:child_process/,
    folders: ['worker', 'sandbox', 'cli'],
    reason: 'every process has one owner',
    typesToo: false,
  },
];

const sources = readSourceFiles('src');

function folderOf(path: string): string {
  return path.split('/')[1] ?? '';
}

test('a file imports from its own folder or from a lower level', () => {
  const broken: string[] = [];
  for (const file of sources) {
    const own = folderOf(file.path);
    if (own === 'main.ts') continue;
    const ownLevel = LEVELS[own];
    assert.notEqual(ownLevel, undefined, `${file.path}: folder ${own} has no level; add it to src/README.md and here`);
    for (const specifier of file.imports.filter((name) => name.startsWith('.'))) {
      const target = folderOf(posix.normalize(posix.join(posix.dirname(file.path), specifier)));
      if (target === own || target === 'package.json') continue;
      const targetLevel = LEVELS[target] ?? Infinity;
      if (targetLevel >= (ownLevel ?? -1)) broken.push(`${file.path} imports ${specifier} (level ${targetLevel})`);
    }
  }
  assert.deepEqual(broken, []);
});

test('one library, one folder', () => {
  const broken: string[] = [];
  for (const file of sources) {
    for (const { library, folders, reason, typesToo } of LIBRARY_HOMES) {
      const used = file.imports.filter((name) => library.test(name));
      if (used.length === 0 || folders.some((folder) => file.path.startsWith(`src/${folder}/`))) continue;
      const typeOnly = used.every((name) =>
        new RegExp(`import type [^;]*from ['"]${RegExp.escape(name)}['"]`).test(file.text),
      );
      if (typeOnly && !typesToo) continue;
      broken.push(`${file.path} imports ${used.join(', ')}: ${reason}`);
    }
  }
  assert.deepEqual(broken, []);
});
