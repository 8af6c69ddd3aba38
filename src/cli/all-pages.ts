// Every item of a list that the admin API gives in pages.

const PAGE = 1000;

interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/** `ask` gets one page; the first without a cursor. */
export async function allPages<T>(ask: (page: { limit: number; cursor?: string }) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const page: Page<T> = await ask({ limit: PAGE, ...(cursor !== undefined && { cursor }) });
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
}
