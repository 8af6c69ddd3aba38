// What is shipped has a licence that lets us ship it: each package of the lock file that is neither for development nor a
// runtime of npm's own.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../helpers/source-files.ts';

/** Permissive; and MPL-2.0, whose files stay under it, unchanged as we ship them. */
const ALLOWED = new Set([
  'MIT',
  'Apache-2.0',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'MPL-2.0',
]);

interface LockedPackage {
  license?: string;
  dev?: boolean;
  devOptional?: boolean;
}

test('every shipped dependency has an allowed licence', () => {
  const lock = JSON.parse(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  const shipped = Object.entries(lock.packages).filter(
    ([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional,
  );
  assert.ok(shipped.length > 50, 'the lock file was read');
  const wrong = shipped
    .filter(([path, { license }]) => !isAllowed(license) && !/node-(bin-)?(linux|darwin)-/.test(path))
    .map(([path, { license }]) => `${path}: ${license ?? 'no licence'}`);
  assert.deepEqual(wrong, []);
});

/** `(MIT OR GPL-2.0)` is allowed, since we may choose. */
function isAllowed(license: string | undefined): boolean {
  return (
    license
      ?.replace(/[()]/g, '')
      .split(' OR ')
      .some((one) => ALLOWED.has(one)) ?? false
  );
}
