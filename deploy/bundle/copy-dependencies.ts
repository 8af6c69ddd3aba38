// Copies what runs from node_modules: the packages of the lock file that are neither for development nor a runtime, without
// types, maps and sources, and of native code only this machine's. Guarantees: what the lock file names and is not installed
// stops the build.
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PROJECT } from './project.ts';

interface LockedPackage {
  dev?: boolean;
  devOptional?: boolean;
  optional?: boolean;
}

/** Not read when the program runs. */
const DEAD_WEIGHT =
  /\.(map|d\.ts|d\.mts|d\.cts|ts|mts|cts|md|markdown|html|flow)$|\/(test|tests|docs|example|examples|benchmarks?)$/;
/** better-sqlite3 loads what is prebuilt for the platform; its C sources are for those who build it. */
const SQLITE_SOURCES = /better-sqlite3\/(deps|src|binding\.gyp)(\/|$)/;

export function copyDependencies(target: string): void {
  const lock = JSON.parse(readFileSync(join(PROJECT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  const needed = Object.entries(lock.packages)
    .filter(([path, { dev, devOptional, optional }]) => path !== '' && !dev && !devOptional && !optional)
    .map(([path]) => path);
  for (const path of needed) {
    const source = join(PROJECT, path);
    if (!existsSync(source)) throw new Error(`${path} is not installed; run "npm ci"`);
    cpSync(source, join(target, path), {
      recursive: true,
      dereference: true,
      filter: (file) => isNeeded(source, file),
    });
  }
}

function isNeeded(packageDirectory: string, file: string): boolean {
  const inside = relative(packageDirectory, file);
  // Nested packages have their own entry in the lock file.
  if (inside === 'node_modules' || inside.startsWith('node_modules/')) return false;
  if (SQLITE_SOURCES.test(file)) return false;
  if (file.endsWith('.node')) return file.endsWith(`/${process.platform}-${process.arch}.node`);
  return !DEAD_WEIGHT.test(file) || /licen[cs]e/i.test(inside);
}
