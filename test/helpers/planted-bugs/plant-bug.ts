// `node --import 'file:…/plant-bug.ts?bug=NAME' src/main.ts …`: loads one source file of the product with a bug in it.
// Only a test's own child process is started so.
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectRoot } from '../source-files.ts';
import { editOf } from './planted-bugs.ts';

const { file, from, to } = editOf(new URL(import.meta.url).searchParams.get('bug') ?? '');
const target = pathToFileURL(join(projectRoot, file)).href;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== target) return loaded;
    const source = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
    const pieces = source.split(from);
    if (pieces.length !== 2) throw new Error(`${file} holds the place for the planted bug ${pieces.length - 1} times`);
    return { ...loaded, source: pieces.join(to) };
  },
});
