// Child of the crash test: replaces one note for ever, each time by another complete version.

import { openMemoryRoot } from '../../../src/memory/open-memory-root.ts';
import { INDEX_SCHEMA } from '../../../src/memory/index-database.ts';
import { openIndexStore } from '../../../src/store/index-store.ts';

const [directory = '', state = ''] = process.argv.slice(2);
const store = openIndexStore({ directory: state, schema: INDEX_SCHEMA });
const root = openMemoryRoot({ name: 'crash', directory, indexDatabase: store.db });
for (let round = 0; ; round++) {
  const line = `round ${round % 10} `;
  await root.writeNote('note.md', `${line.repeat(20_000)}end`);
  if (round === 0) process.stdout.write('writing\n');
}
