// The cookie of a session. Browsers send cookies to every port of a host, so its name carries the port: two daemons on one
// machine don't sign each other out. Over TLS it is a `__Host-` cookie; plain http is for loopback, where Secure can't be had.
import { headerOf, type HttpContext } from '../env.ts';

const NAME = 'mem-agent-session';

/** Of the page that sent the request: browsers name its origin with every POST and DELETE. */
function isOverTls(c: HttpContext): boolean {
  return headerOf(c, 'origin')?.toLowerCase().startsWith('https://') === true;
}

function nameFor(c: HttpContext, isSecure: boolean): string {
  const port = /:(\d+)$/.exec(headerOf(c, 'host') ?? '')?.[1];
  return `${isSecure ? '__Host-' : ''}${NAME}${port === undefined ? '' : `-${port}`}`;
}

export function readSessionCookie(c: HttpContext): string | undefined {
  const pairs = (headerOf(c, 'cookie') ?? '').split(';').map((pair) => pair.trim().split('='));
  for (const name of [nameFor(c, true), nameFor(c, false)]) {
    const value = pairs.find(([found]) => found === name)?.[1];
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}

/** The `Set-Cookie` that keeps the id, or, with none, ends it. It ends with the browser in any case. */
export function sessionCookie(c: HttpContext, id: string | null): string {
  const isSecure = isOverTls(c);
  const end = id === null ? '; Max-Age=0' : '';
  return `${nameFor(c, isSecure)}=${id ?? ''}; Path=/; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}${end}`;
}
