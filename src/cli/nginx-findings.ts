// What is wrong with an nginx site for mem-agent: too much published, streams held back, a call that could be made twice,
// addresses or secrets that leak, and settings of the daemon that do not go with it. Pure.
import type { Config } from '../config/config.ts';
import type { NginxDirective } from './nginx-syntax.ts';

export interface NginxFinding {
  what: string;
  fix: string;
}

type Settings = Pick<Config, 'agent'> & { http: Pick<Config['http'], 'allowedHosts' | 'trustedProxies'> };

const PUBLIC_ROUTES = new Set(['= /mcp', '= /health', '/.well-known/', '^~ /.well-known/', '/oauth/', '^~ /oauth/']);
const STRONG_TLS = new Set(['TLSv1.2', 'TLSv1.3']);
const SECRETS_IN_LOGS = /\$(http_authorization|http_cookie|request_body|mem_agent_(caller|token|run|tool|stream))\b/;

export function findNginxFaults(directives: readonly NginxDirective[], settings: Settings): NginxFinding[] {
  const http = directives.find(({ name }) => name === 'http')?.block ?? directives;
  const findings: NginxFinding[] = [];
  const report = (what: string, fix: string): void => void findings.push({ what, fix });
  const sites = named(http, 'server').filter((server) => proxied([server]).length > 0);
  if (sites.length === 0) report('No server hands anything to mem-agent', 'Make one with: mem-agent nginx render');
  for (const format of named(http, 'log_format')) {
    const secret = SECRETS_IN_LOGS.exec(format.args.join(' '))?.[0];
    if (secret !== undefined) report(`The log format ${format.args[0]} has ${secret} in it`, 'Take it out');
  }
  for (const site of sites) checkServer(site, http, settings, report);
  return findings;
}

type Report = (what: string, fix: string) => void;

function checkServer(site: NginxDirective, http: readonly NginxDirective[], settings: Settings, report: Report): void {
  const value = (name: string, scope: readonly NginxDirective[] = []): string | undefined =>
    [...named(scope, name), ...named(site.block, name), ...named(http, name)][0]?.args.join(' ');

  if (named(site.block, 'include').length > 0)
    report('The server includes other files, which are not looked at here', 'Check what they publish');
  if (named(site.block, 'proxy_pass').length > 0)
    report('The server itself has a proxy_pass', 'Move it into a location');
  for (const location of named(site.block, 'location')) {
    const route = location.args.join(' ');
    if (proxied([location]).length > 0 && !PUBLIC_ROUTES.has(route))
      report(`location ${route} is handed to mem-agent`, 'Publish /mcp, /health, /.well-known/ and /oauth/ only');
  }

  const mcp = named(site.block, 'location').find(({ args }) => args.join(' ') === '= /mcp')?.block;
  if (mcp === undefined) report('There is no "location = /mcp"', 'Make the site with: mem-agent nginx render');
  else {
    checkMcp(value, mcp, settings, report);
    checkHeaders([mcp, site.block, http], report);
  }

  const listen = named(site.block, 'listen');
  if (!listen.every(({ args }) => args.includes('ssl')))
    report('It listens without TLS: keys would be sent in the clear', 'Write "ssl" after each listen');
  const weak = value('ssl_protocols')
    ?.split(' ')
    .filter((protocol) => !STRONG_TLS.has(protocol));
  if (weak === undefined || weak.length > 0)
    report(
      `ssl_protocols allows ${weak?.join(', ') ?? 'what this nginx allows by default'}`,
      'ssl_protocols TLSv1.2 TLSv1.3;',
    );

  for (const name of named(site.block, 'server_name').flatMap(({ args }) => args)) {
    if (!settings.http.allowedHosts.some((host) => host.toLowerCase() === name.toLowerCase()))
      report(`mem-agent does not know the name ${name} and refuses it`, `Add "${name}" to http.allowed_hosts`);
  }
  if (
    upstreamsOf(site, http).some((server) => !server.startsWith('unix:')) &&
    settings.http.trustedProxies.length === 0
  )
    report(
      'mem-agent takes nginx for the client: it is reached over TCP and no proxy is trusted',
      'Add the address nginx comes from (127.0.0.1 on one machine) to http.trusted_proxies',
    );
}

function checkMcp(
  value: (name: string, scope: readonly NginxDirective[]) => string | undefined,
  mcp: readonly NginxDirective[],
  settings: Settings,
  report: Report,
): void {
  const want = (name: string, wanted: string, why: string): void => {
    if (value(name, mcp) !== wanted) report(`${name} is not ${wanted}: ${why}`, `${name} ${wanted};`);
  };
  want('proxy_buffering', 'off', 'events of a stream would be held back');
  want('proxy_http_version', '1.1', 'streams need it');
  want('limit_req_status', '429', 'a client reads 503 as a broken server');
  want('limit_conn_status', '429', 'a client reads 503 as a broken server');

  const timeoutMs = durationMs(value('proxy_read_timeout', mcp) ?? '60s');
  if (timeoutMs <= settings.agent.deadlineMs)
    report(
      `proxy_read_timeout is ${timeoutMs / 1000} s, a run may take ${settings.agent.deadlineMs / 1000} s`,
      `proxy_read_timeout ${Math.ceil(settings.agent.deadlineMs / 1000) + 60}s;`,
    );
  if (/\b(non_idempotent|http_\d+|invalid_header)\b/.test(value('proxy_next_upstream', mcp) ?? ''))
    report('proxy_next_upstream may send one call to two instances', 'proxy_next_upstream error timeout;');
}

/** One proxy_set_header in a location replaces all of the server's. */
function checkHeaders(scopes: readonly (readonly NginxDirective[])[], report: Report): void {
  const headers = scopes.map((scope) => named(scope, 'proxy_set_header')).find((list) => list.length > 0) ?? [];
  const sent = new Map(headers.map(({ args }) => [args[0]?.toLowerCase(), args[1]]));
  if (sent.get('x-forwarded-for') !== '$remote_addr')
    report(
      'X-Forwarded-For is not overwritten: a client can claim any address',
      'proxy_set_header X-Forwarded-For $remote_addr;',
    );
  if (!['$host', '$http_host'].includes(sent.get('host') ?? ''))
    report('Host is not handed on: mem-agent refuses a name it does not know', 'proxy_set_header Host $host;');
}

function upstreamsOf(site: NginxDirective, http: readonly NginxDirective[]): string[] {
  const targets = proxied([site]).map(({ args }) => (args[0] ?? '').replace(/^https?:\/\//, ''));
  return targets.flatMap((target) => {
    const upstream = named(http, 'upstream').find(({ args }) => args[0] === target.split('/')[0]);
    return upstream === undefined ? [target] : named(upstream.block, 'server').map(({ args }) => args[0] ?? '');
  });
}

function named(directives: readonly NginxDirective[], name: string): NginxDirective[] {
  return directives.filter((directive) => directive.name === name);
}

/** Every proxy_pass in them, however deep. */
function proxied(directives: readonly NginxDirective[]): NginxDirective[] {
  return directives.flatMap((directive) => (directive.name === 'proxy_pass' ? [directive] : proxied(directive.block)));
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, '': 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `660s`, `11m`, `1h30m`. What can't be read is no time at all. */
function durationMs(text: string): number {
  const parts = [...text.matchAll(/(\d+)(ms|[smhd]?)/g)];
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (UNIT_MS[unit ?? ''] ?? 0), 0);
}
