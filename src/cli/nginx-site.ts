// The nginx site in front of the daemon, as text: TLS by Mozilla's intermediate guideline, only the public routes, limits by
// API key, streams that are not held back, a log without secrets. Pure; every value is checked before it is put in.
import { isHost, parseListenAddress } from '../config/listen-address.ts';
import { AppError } from '../lib/app-error.ts';

export interface NginxSite {
  serverName: string;
  /** Where the daemon is, as `http.listen` says it; each after the first takes over while those before it are down. */
  upstreams: readonly string[];
  /** What nginx listens on: a port, `ADDRESS:PORT`, `[IPV6]:PORT`. */
  listen: readonly string[];
  certificate: string;
  certificateKey: string;
  /** Answers the challenges of Let's Encrypt and others on port 80 from this directory. */
  acmeWebroot: string | null;
  nginxVersion: string;
  opensslVersion: string;
  maxBodyBytes: number;
  /** A run's own deadline; nginx waits a minute longer. */
  deadlineMs: number;
  accessLog: string;
}

export const ACME_WEBROOT = '/var/www/mem-agent-acme';

export const DEFAULT_SITE: Omit<NginxSite, 'serverName'> = {
  upstreams: ['unix:/run/mem-agent-http.sock'],
  listen: ['443', '[::]:443'],
  certificate: '/etc/mem-agent/tls/fullchain.pem',
  certificateKey: '/etc/mem-agent/tls/privkey.pem',
  acmeWebroot: null,
  // Debian 12; what it reads, newer ones read as well.
  nginxVersion: '1.22.1',
  opensslVersion: '3.0.0',
  maxBodyBytes: 1_572_864,
  deadlineMs: 600_000,
  accessLog: '/var/log/nginx/mem-agent.json.log',
};

const CIPHERS = ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305'].flatMap((cipher) =>
  ['ECDSA', 'RSA'].map((kind) => `ECDHE-${kind}-${cipher}`),
);

export function renderNginxSite(site: NginxSite): string {
  checkSite(site);
  return `${[HEAD, LIMITS, LOG_FORMAT, upstreamBlock(site), ...acmeServer(site), tlsServer(site)].join('\n\n')}\n`;
}

/** Said again wherever another header is added: a location's own headers replace those of its server. */
const HSTS = 'add_header Strict-Transport-Security "max-age=63072000" always;';

const HEAD = `# mem-agent behind nginx. Made by "mem-agent nginx render", looked over by "mem-agent nginx check FILE".
# Belongs into http {}: /etc/nginx/sites-available/mem-agent with a link in sites-enabled, or /etc/nginx/conf.d/mem-agent.conf.`;

const LIMITS = String.raw`# Who calls: the API key, or the address without one. The value is a secret and stays in memory.
map $http_authorization $mem_agent_caller {
    "~*^Bearer +(?<mem_agent_token>[A-Za-z0-9._~+/=-]{1,2048})$" "key:$mem_agent_token";
    default $binary_remote_addr;
}
# What is called, from the headers that MCP has for this since 2026-07-28 (the daemon refuses one that differs from the body).
# An empty key counts nowhere: clients of older revisions send no such header and have the limit of all calls.
map "$http_mcp_method $http_mcp_name" $mem_agent_run {
    "tools/call use_memory_agent" $mem_agent_caller;
    default "";
}
map $http_mcp_method $mem_agent_tool {
    "tools/call" $mem_agent_caller;
    default "";
}
map $http_mcp_method $mem_agent_stream {
    "~^(subscriptions/listen|resources/subscribe)$" $mem_agent_caller;
    default "";
}
map $http_mcp_method $mem_agent_method {
    "~^[A-Za-z0-9_./-]{1,64}$" $http_mcp_method;
    default "-";
}
map $http_mcp_name $mem_agent_name {
    "~^[A-Za-z0-9_-]{1,64}$" $http_mcp_name;
    default "-";
}
# The address counts as well, or made-up keys would be as many callers.
limit_req_zone $binary_remote_addr zone=mem_agent_address:10m rate=100r/s;
limit_req_zone $mem_agent_caller zone=mem_agent_caller:10m rate=20r/s;
limit_req_zone $mem_agent_tool zone=mem_agent_tool:10m rate=10r/s;
limit_req_zone $mem_agent_run zone=mem_agent_run:10m rate=2r/s;
limit_conn_zone $binary_remote_addr zone=mem_agent_address_open:10m;
limit_conn_zone $mem_agent_caller zone=mem_agent_caller_open:10m;
limit_conn_zone $mem_agent_stream zone=mem_agent_streams:10m;`;

const LOG_FORMAT = `# No Authorization, no body, no query. request_id is the one in the daemon's log and audit.
log_format mem_agent escape=json
    '{"time":"$time_iso8601","request_id":"$upstream_http_x_request_id","nginx_id":"$request_id","client":"$remote_addr",'
    '"protocol":"$server_protocol","tls":"$ssl_protocol","method":"$request_method","path":"$uri","status":$status,'
    '"mcp_method":"$mem_agent_method","mcp_name":"$mem_agent_name","bytes_in":$request_length,"bytes_out":$body_bytes_sent,'
    '"seconds":$request_time,"upstream":"$upstream_addr","upstream_header_seconds":"$upstream_header_time",'
    '"limited":"$limit_req_status"}';`;

function upstreamBlock({ upstreams }: NginxSite): string {
  const [first, ...others] = upstreams;
  // One server is never given up: it is on its socket again in a second.
  if (others.length === 0) return `upstream mem_agent {\n    server ${first} max_fails=0;\n}`;
  const servers = upstreams.map((upstream, index) => {
    const role = index === 0 ? '' : ' backup';
    return `    server ${upstream}${role} max_fails=1 fail_timeout=5s;`;
  });
  return `# One instance writes a memory; the others stand by and are asked while it is down.\nupstream mem_agent {\n${servers.join('\n')}\n}`;
}

function acmeServer({ serverName, acmeWebroot }: NginxSite): string[] {
  if (acmeWebroot === null) return [];
  return [
    `# Port 80 proves to the certificate authority that the name is ours. No redirect: a key sent here was sent in the clear.
server {
    listen 80;
    listen [::]:80;
    server_name ${serverName};
    server_tokens off;
    access_log off;
    location ^~ /.well-known/acme-challenge/ {
        root ${acmeWebroot};
        default_type text/plain;
    }
    location / {
        return 404;
    }
}`,
  ];
}

function tlsServer(site: NginxSite): string {
  const hasHttp2Directive = isAtLeast(site.nginxVersion, [1, 25, 1]);
  const listen = site.listen.map((address) => `    listen ${address} ssl${hasHttp2Directive ? '' : ' http2'};`);
  if (hasHttp2Directive) listen.push('    http2 on;');
  const curves = ['X25519', 'prime256v1', 'secp384r1'];
  if (isAtLeast(site.opensslVersion, [3, 5])) curves.unshift('X25519MLKEM768');
  return `server {
${listen.join('\n')}
    server_name ${site.serverName};
    server_tokens off;

    # TLS: Mozilla's guideline 6.0, intermediate.
    ssl_certificate ${site.certificate};
    ssl_certificate_key ${site.certificateKey};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ${CIPHERS.join(':')};
    ssl_prefer_server_ciphers off;
    ssl_ecdh_curve ${curves.join(':')};
    ssl_session_timeout 1d;
    ssl_session_cache shared:mem_agent_tls:10m;
    ssl_session_tickets off;
    ${HSTS}

    access_log ${site.accessLog} mem_agent;

    # A client of HTTP/2 may take the polite end of its connection for the failure of what it has just asked.
    keepalive_requests 100000;

    # A slow client waits here, not in the daemon; what it sends stays in memory and is never written to a disk.
    client_header_timeout 10s;
    client_body_timeout 10s;
    client_max_body_size ${site.maxBodyBytes};
    client_body_buffer_size ${site.maxBodyBytes};
    send_timeout 60s;

    # What the daemon is told. X-Forwarded-For is overwritten: what a client claims does not count.
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto https;
    proxy_set_header X-Request-Id $request_id;
    proxy_set_header Forwarded "";

    # Streams: each event goes on at once, and a run may take its time.
    proxy_buffering off;
    proxy_cache off;
    proxy_request_buffering on;
    gzip off;
    proxy_connect_timeout 2s;
    proxy_send_timeout 60s;
    proxy_read_timeout ${Math.ceil(site.deadlineMs / 1000) + 60}s;
    # Only what was never sent goes to another instance: without "non_idempotent" no call is made twice.
    proxy_next_upstream error timeout;

    limit_req zone=mem_agent_address burst=200 nodelay;
    limit_conn mem_agent_address_open 128;
    limit_req_status 429;
    limit_conn_status 429;
    error_page 429 @too_many;
    error_page 502 504 @unreachable;

    location = /mcp {
        limit_req zone=mem_agent_address burst=200 nodelay;
        limit_req zone=mem_agent_caller burst=40 nodelay;
        limit_req zone=mem_agent_tool burst=20 nodelay;
        limit_req zone=mem_agent_run burst=8 nodelay;
        limit_conn mem_agent_address_open 128;
        limit_conn mem_agent_caller_open 16;
        limit_conn mem_agent_streams 4;
        proxy_pass http://mem_agent;
    }
    location = /health {
        access_log off;
        proxy_pass http://mem_agent;
    }
    location /.well-known/ {
        proxy_pass http://mem_agent;
    }
    location /oauth/ {
        proxy_pass http://mem_agent;
    }
    # Metrics, probes, the admin API and the dashboard are not here, and nothing else is.
    location / {
        return 404;
    }

    location @too_many {
        default_type application/json;
        ${HSTS}
        add_header Retry-After 2 always;
        return 429 '{"jsonrpc":"2.0","error":{"code":-32000,"message":"Too many requests: try again in 2 s","data":{"code":"RATE_LIMITED"}},"id":null}';
    }
    location @unreachable {
        default_type application/json;
        ${HSTS}
        add_header Retry-After 5 always;
        return 502 '{"jsonrpc":"2.0","error":{"code":-32603,"message":"mem-agent does not answer: try again in 5 s","data":{"code":"UNREACHABLE"}},"id":null}';
    }
}`;
}

function isAtLeast(version: string, wanted: readonly number[]): boolean {
  const parts = version.split('.').map(Number);
  for (const [index, number] of wanted.entries()) {
    const difference = (parts[index] ?? 0) - number;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** Nothing gets into the file that could mean more than itself there. */
function checkSite(site: NginxSite): void {
  if (!isHost(site.serverName))
    throw wrong('--server-name', site.serverName, 'a host name, for example mem.example.org');
  if (site.upstreams.length === 0) throw wrong('--upstream', 'without a value', 'the address of mem-agent');
  for (const upstream of site.upstreams) {
    const address = parseListenAddress(upstream);
    if (address.kind === 'unix') requirePath('--upstream', address.path);
  }
  for (const address of site.listen) {
    if (!/^\d{1,5}$/.test(address)) parseListenAddress(address);
  }
  requirePath('--cert', site.certificate);
  requirePath('--key', site.certificateKey);
  requirePath('--access-log', site.accessLog);
  if (site.acmeWebroot !== null) requirePath('--acme', site.acmeWebroot);
  if (!/^\d+\.\d+(\.\d+)?$/.test(site.nginxVersion))
    throw wrong('--nginx-version', site.nginxVersion, 'for example 1.22.1');
}

function requirePath(flag: string, path: string): void {
  if (!/^\/[\w@%+=:,./-]*$/.test(path)) throw wrong(flag, path, 'an absolute path without spaces or quotes');
}

function wrong(flag: string, value: string, wanted: string): AppError {
  return new AppError('INVALID_INPUT', `${flag} ${value} can't be used`, { hint: `Give ${wanted}` });
}
