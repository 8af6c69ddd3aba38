// The product's version and commit, read from what was shipped.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** From package.json beside `src/` (or beside a compiled tree). */
export function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'));
  if (
    typeof manifest === 'object' &&
    manifest !== null &&
    'version' in manifest &&
    typeof manifest.version === 'string'
  )
    return manifest.version;
  return '0.0.0';
}
