// Makes a sign-in link for `mem-agent dashboard`. It is mounted on the admin socket alone: who may open that file is the owner.
import type { Hono } from 'hono';
import type { HttpEnv } from '../env.ts';
import type { HttpPorts } from '../ports.ts';
import type { SignInLinks } from './sign-in-links.ts';

export interface SignInLinkOptions {
  ports: Pick<HttpPorts, 'audit' | 'clock'>;
  links: SignInLinks;
}

export function addSignInLinkRoute(app: Hono<HttpEnv>, { ports, links }: SignInLinkOptions): void {
  app.post('/admin/v1/dashboard/links', async (c) => {
    const startedMs = ports.clock.monotonicMs();
    const principal = c.get('principal');
    const call = await ports.audit.begin({
      requestId: c.get('requestId'),
      actor: { kind: principal.kind, id: principal.id },
      transport: c.get('transport'),
      action: 'dashboard.link',
    });
    const { token, expiresAtMs } = links.create();
    await call.finish({ outcome: 'ok', durationMs: ports.clock.monotonicMs() - startedMs });
    return c.json({ token, expiresAt: new Date(expiresAtMs).toISOString() }, 200);
  });
}
