// Walks the visible files below the root, one entry a step, so that callers can spread the work over many slices.
// Symbolic links are not followed here: what they point to inside the root is met under its own path.

import { lstatSync, opendirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { systemErrorCode } from '../lib/app-error.ts';
import { isTempName } from './atomic-write.ts';
import { isVisibleName } from './note-path.ts';
import type { PathJail } from './path-jail.ts';

export interface WalkVisitor {
  file(relative: string, stats: Stats): void;
  directory?(relative: string): void;
  /** A leftover of an interrupted write; `path` reaches it. */
  temp?(path: string, stats: Stats): void;
}

export function* walkFiles(jail: PathJail, start: string, visitor: WalkVisitor): Generator<void, void, void> {
  jail.refresh();
  const waiting = [start];
  for (let relative = waiting.pop(); relative !== undefined; relative = waiting.pop()) {
    using pinned = jail.pin(relative);
    if (pinned === null || !pinned.stats.isDirectory()) continue;
    visitor.directory?.(relative);
    yield* walkOne(jail, pinned.reach, relative, waiting, visitor);
  }
}

function* walkOne(
  jail: PathJail,
  reach: string,
  relative: string,
  waiting: string[],
  visitor: WalkVisitor,
): Generator<void, void, void> {
  using entries = openDirectory(reach);
  if (entries === undefined) return;
  for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
    yield;
    const path = join(reach, entry.name);
    const isTemp = isTempName(entry.name);
    if (!isTemp && !isVisibleName(entry.name)) continue;
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) continue;
    const below = relative === '' ? entry.name : `${relative}/${entry.name}`;
    if (isTemp) visitor.temp?.(path, stats);
    else if (!jail.shows(below, stats.isDirectory())) continue;
    else if (stats.isDirectory()) waiting.push(below);
    else if (stats.isFile()) visitor.file(below, stats);
  }
}

/** A directory that went away or may not be read is left out; the rest of the root is still of use. */
function openDirectory(reach: string): ReturnType<typeof opendirSync> | undefined {
  try {
    return opendirSync(reach, { bufferSize: 64 });
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'EACCES' || code === 'EPERM' || code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
