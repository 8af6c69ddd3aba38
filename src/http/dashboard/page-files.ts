// The files of the operator's page: what lies in `page/`, and uPlot from its package. Plain files, served as they are; nothing is
// built and nothing comes from elsewhere. Guarantee: what is not in this table has no name that could be asked for.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PageFile {
  body: Uint8Array<ArrayBuffer>;
  mediaType: string;
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** By the path below `/assets/`. */
export function readPageFiles(): ReadonlyMap<string, PageFile> {
  const page = join(import.meta.dirname, 'page');
  const uplot = dirname(fileURLToPath(import.meta.resolve('uplot')));
  const places = [
    ...readdirSync(page, { recursive: true, encoding: 'utf8' }).map((name) => [name, join(page, name)] as const),
    ['uplot.mjs', join(uplot, 'uPlot.esm.js')] as const,
    ['uplot.css', join(uplot, 'uPlot.min.css')] as const,
  ];
  const files = new Map<string, PageFile>();
  for (const [name, path] of places) {
    const mediaType = MEDIA_TYPES[extname(name)];
    if (mediaType !== undefined) files.set(name, { body: new Uint8Array(readFileSync(path)), mediaType });
  }
  return files;
}
