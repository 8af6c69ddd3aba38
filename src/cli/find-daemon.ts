// Where the daemon of this configuration is: what flags, variables or files say, else the packaged places, else XDG.
// Guarantees: permission denied is an error; the packaged daemon is preferred only when nothing says otherwise.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { FlagValue } from '../config/flag-layer.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import { probeSocket } from './unix-fetch.ts';

export interface PackagedPlaces {
  runtimeDirectory: string;
  stateDirectory: string;
}

export const PACKAGED_PLACES: PackagedPlaces = {
  runtimeDirectory: '/run/mem-agent',
  stateDirectory: '/var/lib/mem-agent',
};

export interface FoundDaemon {
  socketPath: string;
  isRunning: boolean;
  /** Set when the packaged instance is meant: what the configuration must be loaded with. */
  flags: Readonly<Record<string, FlagValue>>;
}

export async function findDaemon(
  loaded: LoadedConfig,
  packaged: PackagedPlaces = PACKAGED_PLACES,
): Promise<FoundDaemon> {
  const own = loaded.config.admin.socket;
  if (!isPlacedByDefault(loaded)) return { socketPath: own, isRunning: await isListening(own), flags: {} };
  const socketPath = join(packaged.runtimeDirectory, 'admin.sock');
  const flags = {
    'state.dir': packaged.stateDirectory,
    'runtime.dir': packaged.runtimeDirectory,
    // Only where nothing says otherwise: the owner of the notes may have put them elsewhere.
    ...(isDefault(loaded, 'memory.dir') ? { 'memory.dir': join(packaged.stateDirectory, 'memory') } : {}),
  };
  if (await isListening(socketPath)) return { socketPath, isRunning: true, flags };
  if (await isListening(own)) return { socketPath: own, isRunning: true, flags: {} };
  if (hasStore(packaged.stateDirectory)) return { socketPath, isRunning: false, flags };
  return { socketPath: own, isRunning: false, flags: {} };
}

/** Nobody said where state or socket are: no flag, no file, no variable of ours or systemd's. */
function isPlacedByDefault(loaded: LoadedConfig): boolean {
  return ['state.dir', 'runtime.dir', 'admin.socket'].every((key) => isDefault(loaded, key));
}

function isDefault(loaded: LoadedConfig, key: string): boolean {
  const source = loaded.sources.get(key) ?? '';
  return source.startsWith('default') && !source.includes('_DIRECTORY)');
}

async function isListening(socketPath: string): Promise<boolean> {
  return (await probeSocket(socketPath)) === 'listening';
}

function hasStore(directory: string): boolean {
  try {
    return statSync(join(directory, 'core.db')).isFile();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw new AppError('PERMISSION_DENIED', `You may not look into ${directory}`, {
      hint: 'Run the command with sudo; for an instance of your own: --state.dir DIR --runtime.dir DIR',
      cause: error,
    });
  }
}
