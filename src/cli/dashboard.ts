// `mem-agent dashboard`: a link that signs a browser in to the operator's page, once, within two minutes. The secret is behind the
// `#`: browsers send that part to no server, so it is in no log.
import type { Command } from 'commander';
import { AppError } from '../lib/app-error.ts';
import type { RunCommand } from './run-command.ts';
import { openRunning } from './status.ts';

export function addDashboardCommand(program: Command, run: RunCommand): void {
  program
    .command('dashboard')
    .description("a one-time link that signs you in to the operator's page")
    .action(() =>
      run(async (context) => {
        await using admin = await openRunning(context);
        const { listeners } = await admin.call('GET /status');
        const page = pageUrl(listeners['ops']);
        const { token, expiresAt } = await admin.call('POST /dashboard/links');
        const url = `${page}/#link=${token}`;
        context.terminal.show({ url, expiresAt }, () => `${url}\n\nOpen it within two minutes; it works once.`);
      }),
    );
}

/** Where a browser on this machine finds the ops listener; one that listens on every address does so on loopback. */
function pageUrl(listener: string | undefined): string {
  if (listener?.startsWith('http://') === true)
    return listener.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
  throw new AppError('UNSUPPORTED', `A browser can't open the ops listener (${listener ?? 'none'})`, {
    hint: 'Set ops.listen to an address such as 127.0.0.1:8082',
  });
}
