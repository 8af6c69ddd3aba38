// `mem-agent nginx …`: a site file for nginx with the names filled in, and whether one that is there is right.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import type { CliContext } from './cli-context.ts';
import { findCertificateFaults } from './nginx-certificates.ts';
import { findNginxFaults, type NginxFinding } from './nginx-findings.ts';
import { ACME_WEBROOT, DEFAULT_SITE, renderNginxSite, type NginxSite } from './nginx-site.ts';
import { parseNginx } from './nginx-syntax.ts';
import type { RunCommand } from './run-command.ts';
import { EXIT } from './terminal.ts';

const INSTALLED_SITE = '/etc/nginx/sites-enabled/mem-agent';

interface RenderOptions {
  serverName: string;
  upstream?: string[];
  listen?: string[];
  cert?: string;
  key?: string;
  acme?: string | true;
  nginxVersion?: string;
  accessLog?: string;
}

export function addNginxCommand(program: Command, run: RunCommand): void {
  const nginx = program.command('nginx').description('the web server in front: TLS, limits, only the public routes');
  const collect = (value: string, list: string[] = []): string[] => [...list, value];

  nginx
    .command('render')
    .description('write the site to stdout')
    .requiredOption('--server-name <name>', 'the name clients use, for example mem.example.org')
    .option(
      '--upstream <address>',
      'where mem-agent is (HOST:PORT or unix:PATH); again for one that stands by',
      collect,
    )
    .option('--listen <address>', 'what nginx listens on (PORT or ADDRESS:PORT); may be given again', collect)
    .option('--cert <file>', 'certificate with its chain')
    .option('--key <file>', 'its private key')
    .option(
      '--acme [webroot]',
      'answer challenges on port 80; certificate in /etc/letsencrypt unless --cert says otherwise',
    )
    .option('--nginx-version <version>', 'the nginx it is for; else the one installed here')
    .option('--access-log <file>', 'where requests are logged')
    .action((options: RenderOptions) =>
      run(async (context) => {
        const site = siteOf(options, context);
        const text = renderNginxSite(site);
        context.terminal.show({ site: text, ...site }, () => text);
      }),
    );

  nginx
    .command('check')
    .description('what is wrong with a site; exit 1 if anything is')
    .argument('[file]', 'the site', INSTALLED_SITE)
    .action((file: string) =>
      run(async (context) => {
        const { config } = context.load();
        const text = readSite(file);
        const site = parseNginx(text);
        const findings = [...findCertificateFaults(site, Date.now()), ...findNginxFaults(site, config)];
        const verdict = askNginx(file);
        if (verdict.state === 'refused')
          findings.unshift({ what: `nginx refuses it: ${verdict.says}`, fix: 'Correct that line' });
        const ok = findings.length === 0;
        context.terminal.show({ ok, file, nginx: verdict, findings }, () => checkText(file, verdict, findings));
        return ok ? EXIT.ok : EXIT.finding;
      }),
    );
}

function siteOf(options: RenderOptions, context: CliContext): NginxSite {
  const { config } = context.load();
  const { serverName, acme } = options;
  const installed = installedVersions();
  const directory = `/etc/letsencrypt/live/${serverName}`;
  const certificates =
    acme === undefined ? {} : { certificate: `${directory}/fullchain.pem`, certificateKey: `${directory}/privkey.pem` };
  return {
    ...DEFAULT_SITE,
    ...certificates,
    // An OpenSSL is known only for the nginx that is here.
    ...(options.nginxVersion === undefined ? installed : { nginxVersion: options.nginxVersion }),
    serverName,
    ...(options.upstream !== undefined && { upstreams: options.upstream }),
    ...(options.listen !== undefined && { listen: options.listen }),
    ...(options.cert !== undefined && { certificate: options.cert }),
    ...(options.key !== undefined && { certificateKey: options.key }),
    ...(options.accessLog !== undefined && { accessLog: options.accessLog }),
    acmeWebroot: acme === undefined ? null : acme === true ? ACME_WEBROOT : acme,
    maxBodyBytes: config.http.maxBodyBytes,
    deadlineMs: config.agent.deadlineMs,
  };
}

/** Of the nginx on this machine and the OpenSSL it runs with; nothing without one. */
function installedVersions(): Partial<Pick<NginxSite, 'nginxVersion' | 'opensslVersion'>> {
  const { stderr = '' } = runNginx(['-V']) ?? {};
  const nginxVersion = /nginx version: \S+\/(\d+\.\d+\.\d+)/.exec(stderr)?.[1];
  const opensslVersion = (/running with OpenSSL (\d+\.\d+)/.exec(stderr) ??
    /built with OpenSSL (\d+\.\d+)/.exec(stderr))?.[1];
  return {
    ...(nginxVersion !== undefined && { nginxVersion }),
    ...(opensslVersion !== undefined && { opensslVersion }),
  };
}

function readSite(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new AppError('NOT_FOUND', `${file} can't be read (${systemErrorCode(error) ?? 'unknown error'})`, {
      hint: 'Name the site: mem-agent nginx check FILE',
      cause: error,
    });
  }
}

interface NginxVerdict {
  state: 'accepted' | 'refused' | 'not asked';
  says: string;
}

/** `nginx -t` over the file alone, in a directory that goes again: it stands in http {} as in Debian's nginx.conf. */
function askNginx(file: string): NginxVerdict {
  const directory = mkdtempSync(join(tmpdir(), 'mem-agent-nginx-'));
  try {
    const main = join(directory, 'nginx.conf');
    writeFileSync(main, mainFile(directory, resolve(file)));
    const answer = runNginx(['-t', '-q', '-p', directory, '-c', main]);
    if (answer === undefined) return { state: 'not asked', says: 'nginx is not installed here' };
    const says = answer.stderr
      .split('\n')
      .filter((line) => /\[(emerg|alert|crit|error|warn)\]/.test(line))
      .map((line) => line.replace(/^.*?\[\w+\] (\d+#\d+: )?/, '').trim())
      .join('; ');
    if (answer.status === 0) return { state: 'accepted', says };
    // Its key and its log may be for root alone.
    if (process.getuid?.() !== 0 && /Permission denied/i.test(says))
      return { state: 'not asked', says: `${says} (run this as root)` };
    return { state: 'refused', says };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function mainFile(directory: string, site: string): string {
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${directory}/${name};`,
  );
  return `pid ${directory}/pid;
error_log stderr;
events {}
http {
${places.join('\n')}
access_log off;
include ${JSON.stringify(site)};
}
`;
}

function runNginx(args: readonly string[]): { status: number | null; stderr: string } | undefined {
  // Not on the PATH of a person on Debian.
  const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin` };
  const { error, status, stderr } = spawnSync('nginx', args, { encoding: 'utf8', env, timeout: 20_000 });
  return error === undefined ? { status, stderr } : undefined;
}

function checkText(file: string, verdict: NginxVerdict, findings: readonly NginxFinding[]): string {
  const asked = verdict.state === 'not asked' ? `nginx was not asked: ${verdict.says}` : '';
  const lines = findings.map(({ what, fix }) => `${what}\n  -> ${fix}`);
  const head = findings.length === 0 ? `${file} is right.` : `${file}: ${findings.length} to correct`;
  return [head, ...lines, asked].filter((line) => line !== '').join('\n');
}
