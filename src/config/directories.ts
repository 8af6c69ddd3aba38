// Where things are when nobody says so: systemd's variables when set, XDG otherwise.
import { statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { systemErrorCode } from '../lib/app-error.ts';
import type { Environment } from './expand-path.ts';

const APP = 'mem-agent';

/** systemd hands over a colon-separated list; the first entry is ours. */
function systemdDirectory(env: Environment, name: string): string | undefined {
  const first = (env[name] ?? '').split(':')[0];
  return first === undefined || first === '' ? undefined : first;
}

/** The XDG specification says that a relative path is to be ignored. */
function xdgDirectory(env: Environment, name: string, fallback: string): string {
  const value = env[name] ?? '';
  return join(isAbsolute(value) ? value : fallback, APP);
}

export interface Found {
  path: string;
  /** Which rule found it, for `config print --explain`. */
  source: string;
}

/** The directory that holds `config.toml`, `conf.d` and, first, the files of the Python original. */
export function findConfigDir(env: Environment, home: string, systemConfigDir: string): string {
  const given = systemdDirectory(env, 'CONFIGURATION_DIRECTORY');
  if (given !== undefined) return given;
  const used = ['config.toml', 'conf.d'].some((name) => isThere(join(systemConfigDir, name)));
  return used ? systemConfigDir : xdgDirectory(env, 'XDG_CONFIG_HOME', join(home, '.config'));
}

/** What may not be looked at is there: reading it then fails with a message, instead of another file being used. */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    return systemErrorCode(error) !== 'ENOTDIR';
  }
}

export function defaultStateDir(env: Environment, home: string): Found {
  const given = systemdDirectory(env, 'STATE_DIRECTORY');
  if (given !== undefined) return { path: given, source: 'default ($STATE_DIRECTORY)' };
  return { path: xdgDirectory(env, 'XDG_STATE_HOME', join(home, '.local', 'state')), source: 'default (XDG)' };
}

export function defaultMemoryDir(env: Environment, home: string): Found {
  const given = systemdDirectory(env, 'STATE_DIRECTORY');
  if (given !== undefined) return { path: join(given, 'memory'), source: 'default ($STATE_DIRECTORY)' };
  const data = xdgDirectory(env, 'XDG_DATA_HOME', join(home, '.local', 'share'));
  return { path: join(data, 'memory'), source: 'default (XDG)' };
}

export function defaultRuntimeDir(env: Environment, stateDir: string, isStateGiven: boolean): Found {
  const given = systemdDirectory(env, 'RUNTIME_DIRECTORY');
  if (given !== undefined) return { path: given, source: 'default ($RUNTIME_DIRECTORY)' };
  const xdg = env['XDG_RUNTIME_DIR'] ?? '';
  if (isAbsolute(xdg) && !isStateGiven) return { path: join(xdg, APP), source: 'default ($XDG_RUNTIME_DIR)' };
  return { path: join(stateDir, 'run'), source: 'default (run in state.dir)' };
}
