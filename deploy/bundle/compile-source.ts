// Compiles `src/` for installation: Node strips no types from files under node_modules, and a package should not depend on
// the stripping at all. Guarantees: what is not TypeScript (the Python of the sandbox, the page of the dashboard) goes along.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from './project.ts';

export function compileSource(target: string): void {
  const tsc = join(PROJECT, 'node_modules', '.bin', 'tsc');
  const run = spawnSync(tsc, ['-p', join(import.meta.dirname, 'tsconfig.json'), '--outDir', target], {
    encoding: 'utf8',
  });
  if (run.error !== undefined) throw run.error;
  if (run.status !== 0) throw new Error(`tsc failed:\n${run.stdout}${run.stderr}`);
  cpSync(join(PROJECT, 'src'), target, {
    recursive: true,
    filter: (source) => !/\.(m?ts|md)$|\/tsconfig\.json$/.test(source),
  });
  if (!existsSync(join(target, 'main.js'))) throw new Error(`tsc left no main.js in ${target}`);
}
