// Every file under a directory with its bytes, to show that nothing changed.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export function directoryContent(directory: string): Record<string, string> {
  const content: Record<string, string> = {};
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    content[relative(directory, path)] = readFileSync(path, 'latin1');
  }
  return content;
}
