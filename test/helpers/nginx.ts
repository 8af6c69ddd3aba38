// A real nginx on a free loopback port with the rendered site and a certificate of its own, in front of what the test names.
// Guarantees: it and its directory are gone afterwards. Needs nginx and openssl (Debian's nginx-light and openssl).
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { DEFAULT_SITE, renderNginxSite, type NginxSite } from '../../src/cli/nginx-site.ts';
import { tempDirectory } from './run-main.ts';

const SERVER_NAME = 'localhost';
const SBIN = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` };

export interface Nginx extends AsyncDisposable {
  /** `https://localhost:PORT` */
  readonly url: string;
  readonly port: number;
  readonly certificate: string;
  readonly directory: string;
  readonly siteFile: string;
  accessLog(): Record<string, unknown>[];
  /** All that it wrote, in one text. */
  logs(): string;
}

/** What the daemon needs to know of it. */
export const NGINX_FLAGS = ['--http.allowed_hosts', SERVER_NAME, '--http.trusted_proxies', '127.0.0.1'];

export async function startNginx(
  upstreams: readonly string[],
  change: (site: string) => string = (site) => site,
): Promise<Nginx> {
  const home = tempDirectory();
  const { path: directory } = home;
  const certificate = makeCertificate(directory);
  const port = await freePort();
  const siteFile = join(directory, 'site.conf');
  const logFile = join(directory, 'access.json');
  const site: NginxSite = {
    ...DEFAULT_SITE,
    serverName: SERVER_NAME,
    upstreams,
    listen: [`127.0.0.1:${port}`],
    certificate: join(directory, 'cert.pem'),
    certificateKey: join(directory, 'key.pem'),
    accessLog: logFile,
  };
  writeFileSync(siteFile, change(renderNginxSite(site)));
  writeFileSync(join(directory, 'nginx.conf'), mainFile(directory, siteFile));
  const child = spawn('nginx', ['-p', directory, '-c', join(directory, 'nginx.conf')], {
    env: SBIN,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exited = once(child, 'exit');
  const dispose = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await exited;
    home[Symbol.dispose]();
  };
  try {
    while (!(await isOpen(port))) {
      if (child.exitCode !== null) throw new Error(`nginx did not start: ${stderr}`);
      await sleep(20);
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    url: `https://${SERVER_NAME}:${port}`,
    port,
    certificate,
    directory,
    siteFile,
    accessLog: () =>
      readFileSync(logFile, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    logs: () => readFileSync(logFile, 'utf8') + readFileSync(join(directory, 'error.log'), 'utf8') + stderr,
    [Symbol.asyncDispose]: dispose,
  };
}

/** Self-signed, for a month; this process trusts it from now on. */
export function makeCertificate(directory: string): string {
  const files = ['-keyout', join(directory, 'key.pem'), '-out', join(directory, 'cert.pem')];
  const names = ['-subj', `/CN=${SERVER_NAME}`, '-addext', `subjectAltName=DNS:${SERVER_NAME},IP:127.0.0.1`];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
  const run = spawnSync('openssl', ['req', '-x509', ...kind, ...files, ...names], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`openssl made no certificate: ${run.error?.message ?? run.stderr}`);
  const certificate = readFileSync(join(directory, 'cert.pem'), 'utf8');
  setDefaultCACertificates([...getCACertificates('default'), certificate]);
  return certificate;
}

function mainFile(directory: string, siteFile: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  for (const name of temporary) mkdirSync(join(directory, name));
  return `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 2;
pid ${directory}/pid;
error_log ${directory}/error.log info;
events { worker_connections 1024; }
http {
${temporary.map((name) => `${name}_temp_path ${directory}/${name};`).join('\n')}
access_log off;
include ${siteFile};
}
`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
