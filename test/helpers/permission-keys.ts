// Keys in the states that a permission test needs: good, revoked, expired, or with a policy that nobody can read.
import type { CreatedKey } from '../../src/auth/open-key-store.ts';
import type { Caller } from '../fixtures/permission-matrix.ts';
import type { PermissionWorld } from './permission-world.ts';

export async function keyOf({ keys }: PermissionWorld, caller: Caller): Promise<CreatedKey> {
  const { kind = 'client', scopes = ['agent', 'memory:read', 'memory:write', 'metrics'], root, policy } = caller;
  const key = await keys.create({
    name: 'matrix',
    kind,
    scopes,
    ...(root !== undefined && { root }),
    ...(policy !== undefined && { policy }),
  });
  if (caller.shows === 'revoked') await keys.revoke(key.id);
  if (caller.shows === 'expired') await keys.change(key.id, { expiresAtMs: Date.now() - 1000 });
  return key;
}

/** What a newer or a broken program may have left in the database. */
export async function brokenPolicy({ keys, db }: PermissionWorld, { id, key }: CreatedKey): Promise<string> {
  db.prepare('UPDATE api_keys SET policy = ? WHERE id = ?').run('{"colour":"red"}', id);
  // So that the store looks again.
  await keys.change(id, { name: 'broken' });
  return key;
}
