// Whether a path that was refused, or looked as if nothing were there, leads out of what its caller may reach.
// Guarantee: judged by the words of the path first; the disk is only asked where a link of the caller's own part may lead.

import { AppError } from '../lib/app-error.ts';
import type { PathJail } from './path-jail.ts';
import type { PathScope } from './path-scope.ts';

/** `jail` is the whole root's. */
export function leadsOut(jail: PathJail, scope: PathScope | null, path: string, access: 'read' | 'write'): boolean {
  const mayReach = (relative: string): boolean => {
    if (scope === null) return true;
    return access === 'write' ? scope.mayWrite(relative) : scope.mayRead(relative) || scope.isPassage(relative);
  };
  try {
    const relative = jail.parse(path);
    return !mayReach(relative) || !mayReach(jail.resolve(relative));
  } catch (error) {
    // Whatever else is wrong with it, that is no way out.
    if (error instanceof AppError) return error.code === 'PATH_REFUSED';
    throw error;
  }
}
