// Every item of a list that the admin API gives in pages.
import type { AdminClient } from './admin-client.ts';

const PAGE = 1000;

export async function allPages<T>(admin: AdminClient, path: string): Promise<T[]> {
  const items: T[] = [];
  const separator = path.includes('?') ? '&' : '?';
  let cursor: string | null = '';
  while (cursor !== null) {
    const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page = (await admin.call('GET', `${path}${separator}limit=${PAGE}${query}`)) as {
      items: T[];
      nextCursor: string | null;
    };
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
}
