// The nginx site as text: its spellings, what is refused in a value, and each fault that the check must see in one.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { findNginxFaults } from '../../../src/cli/nginx-findings.ts';
import { DEFAULT_SITE, renderNginxSite, type NginxSite } from '../../../src/cli/nginx-site.ts';
import { parseNginx } from '../../../src/cli/nginx-syntax.ts';
import { projectRoot } from '../../helpers/source-files.ts';

const SITE: NginxSite = { ...DEFAULT_SITE, serverName: 'mem.example.org' };
const SETTINGS = {
  agent: { deadlineMs: 600_000 },
  http: { allowedHosts: ['MEM.example.org'], trustedProxies: [] as string[] },
} as unknown as Parameters<typeof findNginxFaults>[1];

function faultsOf(site: string, settings = SETTINGS): string[] {
  return findNginxFaults(parseNginx(site), settings).map(({ what }) => what);
}

test('the file in nginx/ is what the command writes', () => {
  const command =
    "import('./src/cli/nginx-site.ts').then((m) => process.stdout.write(m.renderNginxSite({...m.DEFAULT_SITE, serverName: 'mem.example.org'})))";
  const file = readFileSync(join(projectRoot, 'nginx/mem-agent.conf'), 'utf8');
  assert.equal(file, renderNginxSite(SITE), `run: node -e "${command}" > nginx/mem-agent.conf`);
});

test('HTTP/2 and curves are spelled as the nginx and the OpenSSL know them', () => {
  for (const [nginxVersion, isNew] of [
    ['1.22.1', false],
    ['1.25.0', false],
    ['1.25.1', true],
    ['1.27', true],
    ['2.0.0', true],
  ] as const) {
    const site = renderNginxSite({ ...SITE, nginxVersion });
    assert.equal(/^ {4}http2 on;$/m.test(site), isNew, nginxVersion);
    assert.equal(/^ {4}listen 443 ssl http2;$/m.test(site), !isNew, nginxVersion);
  }
  assert.doesNotMatch(renderNginxSite({ ...SITE, opensslVersion: '3.0.19' }), /MLKEM/);
  assert.match(renderNginxSite({ ...SITE, opensslVersion: '3.5.0' }), /ssl_ecdh_curve X25519MLKEM768:X25519:/);
});

test('a second upstream stands by; port 80 is opened for challenges only', () => {
  const two = renderNginxSite({ ...SITE, upstreams: ['127.0.0.1:8081', '10.0.0.2:8081'] });
  assert.match(two, /server 127\.0\.0\.1:8081 max_fails=1 fail_timeout=5s;\n {4}server 10\.0\.0\.2:8081 backup /);
  assert.doesNotMatch(renderNginxSite(SITE), /listen 80|acme/);
  const acme = renderNginxSite({ ...SITE, acmeWebroot: '/var/www/acme' });
  assert.match(acme, /listen 80;[\s\S]*acme-challenge\/ \{\n {8}root \/var\/www\/acme;/);
  assert.deepEqual(faultsOf(acme), []);
});

test('the time nginx waits follows the deadline of a run', () => {
  assert.match(renderNginxSite(SITE), /proxy_read_timeout 660s;/);
  assert.match(renderNginxSite({ ...SITE, deadlineMs: 90_500 }), /proxy_read_timeout 151s;/);
});

test('nothing that means more than itself gets into the file', () => {
  const refused: Partial<NginxSite>[] = [
    { serverName: 'a.example; return 200' },
    { serverName: '' },
    { certificate: '/etc/x; include /etc/passwd' },
    { certificateKey: 'relative.pem' },
    { accessLog: '/var/log/$http_authorization' },
    { acmeWebroot: '/srv/a b' },
    { upstreams: ['unix:/run/x;y'] },
    { upstreams: ['nowhere'] },
    { listen: ['443 default_server'] },
    { nginxVersion: 'new' },
    { upstreams: [] },
  ];
  for (const change of refused) assert.throws(() => renderNginxSite({ ...SITE, ...change }), JSON.stringify(change));
});

describe('what the check sees', () => {
  const faults: [name: string, change: (site: string) => string, expected: RegExp][] = [
    ['an admin route', (s) => s.replace('location = /health', 'location /admin'), /location \/admin is handed/],
    ['everything', (s) => s.replace('return 404;', 'proxy_pass http://mem_agent;'), /location \/ is handed/],
    [
      'a route behind an if',
      (s) => s.replace('return 404;', 'if ($arg_x) { proxy_pass http://mem_agent; }'),
      /location \/ is handed/,
    ],
    ['buffering', (s) => s.replace('proxy_buffering off;', ''), /proxy_buffering/],
    [
      'buffering in the location',
      (s) => s.replace('location = /mcp {', 'location = /mcp { proxy_buffering on;'),
      /proxy_buffering/,
    ],
    [
      'a short wait',
      (s) => s.replace('proxy_read_timeout 660s;', 'proxy_read_timeout 10m;'),
      /proxy_read_timeout is 600 s/,
    ],
    ['calls made twice', (s) => s.replace('error timeout;', 'error timeout non_idempotent;'), /two instances/],
    ['an address that is claimed', (s) => s.replace('$remote_addr;', '$proxy_add_x_forwarded_for;'), /X-Forwarded-For/],
    [
      'headers replaced in the location',
      (s) => s.replace('location = /mcp {', 'location = /mcp { proxy_set_header X-A b;'),
      /Host is not handed on/,
    ],
    ['a key in the log', (s) => s.replace('"client":"$remote_addr"', '"client":"$http_authorization"'), /log format/],
    ['old TLS', (s) => s.replace('ssl_protocols TLSv1.2', 'ssl_protocols TLSv1.1 TLSv1.2'), /TLSv1\.1/],
    ['no TLS', (s) => s.replace('listen 443 ssl http2', 'listen 443'), /without TLS/],
    ['a limit as 503', (s) => s.replace('limit_req_status 429;', ''), /limit_req_status/],
    [
      'another name',
      (s) => s.replace('server_name mem', 'server_name memory'),
      /does not know the name memory\.example\.org/,
    ],
    [
      'TCP and no trusted proxy',
      (s) => s.replace('unix:/run/mem-agent-http.sock', '127.0.0.1:8081'),
      /no proxy is trusted/,
    ],
    ['no site at all', () => 'server { listen 80; }', /No server hands anything/],
  ];
  test('nothing, in the site as it is made', () => {
    assert.deepEqual(faultsOf(renderNginxSite(SITE)), []);
    assert.deepEqual(faultsOf(`events {}\nhttp {\n${renderNginxSite(SITE)}}\n`), []);
  });
  for (const [name, change, expected] of faults)
    test(name, () => assert.match(faultsOf(change(renderNginxSite(SITE))).join('\n'), expected));
});

test('quotes, comments, escapes and braces in strings are read as nginx does', () => {
  assert.deepEqual(parseNginx(`a "b;c" 'd{' e\\;f; # g; {\nh { i \${j} k#l; }`), [
    { name: 'a', args: ['b;c', 'd{', 'e\\;f'], block: [] },
    { name: 'h', args: [], block: [{ name: 'i', args: ['${j}', 'k#l'], block: [] }] },
  ]);
  for (const broken of ['a {', 'a; }', 'a', 'a { b }'])
    assert.throws(() => parseNginx(broken), { code: 'INVALID_INPUT' });
});
