// Runs every benchmark, one after another, so that none disturbs the next: `npm run bench`, or `npm run bench -- search`.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const wanted = process.argv.slice(2);
const benches = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('-bench.ts'))
  .filter((name) => wanted.length === 0 || wanted.some((word) => name.startsWith(word)))
  .toSorted((a, b) => a.localeCompare(b));
if (benches.length === 0) {
  process.stderr.write(`no benchmark is called ${wanted.join(' or ')}\n`);
  process.exitCode = 2;
}
for (const bench of benches) {
  process.stdout.write(`\n# ${bench.replace(/-bench\.ts$/, '')}\n`);
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, bench)], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
