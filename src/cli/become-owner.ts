// Root acts as the store's owner, so that no file in the state directory ends up as root's and the daemon can still open it.
import { statSync } from 'node:fs';
import { systemErrorCode } from '../lib/app-error.ts';

/** For one-shot commands that open the store themselves; cannot be undone in this process. */
export function becomeOwner(directory: string): void {
  if (process.getuid?.() !== 0) return;
  let owner: { uid: number; gid: number };
  try {
    owner = statSync(directory);
  } catch (error) {
    // Not there yet: root makes it, as root.
    if (systemErrorCode(error) === 'ENOENT') return;
    throw error;
  }
  if (owner.uid === 0) return;
  process.setgroups?.([owner.gid]);
  process.setgid?.(owner.gid);
  process.setuid?.(owner.uid);
}
