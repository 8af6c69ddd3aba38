// What a memory root tells its owner (for logs and metrics); no note's text and no absolute path in it.

export type MemoryEvent =
  | { type: 'index.ready'; notes: number; durationMs: number }
  | { type: 'index.failed'; reason: string }
  | { type: 'watch.limited'; reason: string }
  | { type: 'note.changed'; operation: string; path: string };
