// Reads the project's own sources for the rule tests: paths, line counts, imports.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const projectRoot = join(import.meta.dirname, '..', '..');

export interface SourceFile {
  /** Relative to the project root, `/` as separator. */
  path: string;
  text: string;
  lines: number;
  imports: string[];
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g;

/** All TypeScript files under a folder of the project, sorted. */
export function readSourceFiles(folder: string): SourceFile[] {
  return readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|mts|mjs)$/.test(name) && !name.includes('node_modules'))
    .toSorted()
    .map((name) => {
      const path = `${folder}/${name}`;
      const text = readFileSync(join(projectRoot, path), 'utf8');
      const imports = [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
      return { path, text, lines: text.split('\n').length - 1, imports };
    });
}
