// Where the project is and what its manifest says.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const PROJECT = join(import.meta.dirname, '..', '..');

export interface Manifest {
  name: string;
  version: string;
  description: string;
  license: string;
}

export function readManifest(): Manifest {
  return JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as Manifest;
}
