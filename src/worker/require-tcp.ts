// For engines that listen on TCP only: an address that is none is a mistake in the configuration.
import { AppError } from '../lib/app-error.ts';
import type { EngineAddress } from './launch-plan.ts';

export function requireTcp(address: EngineAddress, profile: string): { host: string; port: number } {
  if (address.kind === 'tcp') return address;
  throw new AppError('CONFIG_INVALID', `A worker of the profile ${profile} can't listen on a Unix socket`, {
    hint: 'Leave worker.listen empty, or write 127.0.0.1:PORT',
  });
}
