// What is wrong with the certificates an nginx site names: nginx itself starts with one that has ended, and only clients see it.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { NginxFinding } from './nginx-findings.ts';
import type { NginxDirective } from './nginx-syntax.ts';

const DAY_MS = 86_400_000;
/** Let's Encrypt is renewed 30 days before the end; half of that says that renewing does not work. */
const SOON_MS = 15 * DAY_MS;

export function findCertificateFaults(directives: readonly NginxDirective[], nowMs: number): NginxFinding[] {
  const servers = serversOf(directives);
  return servers.flatMap((server) => {
    const names = argsOf(server.block, 'server_name');
    return argsOf(server.block, 'ssl_certificate').flatMap((file) => {
      const certificate = readCertificate(file);
      return certificate === undefined ? [] : faultsOf(file, certificate, names, nowMs);
    });
  });
}

function faultsOf(file: string, certificate: X509Certificate, names: readonly string[], nowMs: number): NginxFinding[] {
  const findings: NginxFinding[] = [];
  const beginMs = certificate.validFromDate.getTime();
  const endMs = certificate.validToDate.getTime();
  const renew = 'Renew it (certbot renew, or replace the files), then: systemctl reload nginx';
  if (endMs <= nowMs) findings.push({ what: `The certificate ${file} ended on ${dayOf(endMs)}`, fix: renew });
  else if (endMs - nowMs < SOON_MS)
    findings.push({ what: `The certificate ${file} ends on ${dayOf(endMs)}`, fix: renew });
  if (beginMs > nowMs)
    findings.push({
      what: `The certificate ${file} is good from ${dayOf(beginMs)} on only`,
      fix: 'Look at the clock of this machine (timedatectl), or make another certificate',
    });
  for (const name of names)
    if (/^[a-z0-9.-]+$/i.test(name) && certificate.checkHost(name) === undefined)
      findings.push({
        what: `The certificate ${file} is not for ${name}`,
        fix: `Make one with the name ${name} (certbot certonly … -d ${name})`,
      });
  return findings;
}

/** Undefined when it can't be read here: nginx, which is asked as well, says so better. */
function readCertificate(file: string): X509Certificate | undefined {
  if (file.includes('$') || !file.startsWith('/')) return undefined;
  try {
    return new X509Certificate(readFileSync(file));
  } catch {
    return undefined;
  }
}

function serversOf(directives: readonly NginxDirective[]): NginxDirective[] {
  return directives.flatMap((directive) =>
    directive.name === 'server' ? [directive] : directive.name === 'http' ? serversOf(directive.block) : [],
  );
}

function argsOf(block: readonly NginxDirective[], name: string): string[] {
  return block.filter((directive) => directive.name === name).flatMap(({ args }) => args);
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}
