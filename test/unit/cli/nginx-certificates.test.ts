// The certificates that an nginx site names: ended, ending, not begun, for another name; one that can't be read is nginx's to tell.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findCertificateFaults } from '../../../src/cli/nginx-certificates.ts';
import { DEFAULT_SITE, renderNginxSite } from '../../../src/cli/nginx-site.ts';
import { parseNginx } from '../../../src/cli/nginx-syntax.ts';
import { tempDirectory } from '../../helpers/run-main.ts';

const DAY_MS = 86_400_000;

test('a certificate that has ended, ends soon, has not begun or is for another name', () => {
  using home = tempDirectory();
  const certificate = join(home.path, 'fullchain.pem');
  const name = 'mem.example.org';
  execFileSync(
    'openssl',
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=${name} -addext subjectAltName=DNS:${name} -keyout ${join(home.path, 'key.pem')} -out ${certificate}`.split(
      ' ',
    ),
    { stdio: 'ignore' },
  );
  const faults = (afterDays: number, serverName = name): string[] => {
    const site = parseNginx(renderNginxSite({ ...DEFAULT_SITE, serverName, certificate }));
    return findCertificateFaults(site, Date.now() + afterDays * DAY_MS).map(({ what }) => what);
  };
  assert.deepEqual(faults(1), []);
  assert.match(faults(20).join('\n'), /^The certificate \S+ ends on \d{4}-\d\d-\d\d$/);
  assert.match(faults(31).join('\n'), /^The certificate \S+ ended on \d{4}-\d\d-\d\d$/);
  assert.match(faults(-2).join('\n'), /^The certificate \S+ is good from \d{4}-\d\d-\d\d on only$/);
  assert.match(faults(1, 'other.example.org').join('\n'), /is not for other\.example\.org$/);

  writeFileSync(certificate, 'no certificate');
  assert.deepEqual(faults(31), []);
});
