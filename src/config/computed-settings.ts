// Fills in what was left empty and follows from something else: directories, the admin socket, backend and trust.
import { join, resolve } from 'node:path';
import type { SettingValue } from './config-key.ts';
import { defaultMemoryDir, defaultRuntimeDir, defaultStateDir } from './directories.ts';
import type { Found } from './directories.ts';
import type { Environment } from './expand-path.ts';
import { isLoopbackHost } from './listen-address.ts';

export interface ComputeInput {
  values: Map<string, SettingValue>;
  sources: Map<string, string>;
  env: Environment;
  cwd: string;
  home: string;
}

/** Changes `values` and `sources`; afterwards no directory is empty and nothing is `auto`. */
export function fillComputed({ values, sources, env, cwd, home }: ComputeInput): void {
  const fill = (key: string, find: () => Found): void => {
    if (values.get(key) !== '') return;
    const { path, source } = find();
    values.set(key, resolve(cwd, path));
    sources.set(key, source);
  };
  const textOf = (key: string): string => String(values.get(key));
  // A second daemon of the same user has a state of its own, and then needs sockets of its own.
  const isStateGiven = textOf('state.dir') !== '';
  fill('state.dir', () => defaultStateDir(env, home));
  fill('memory.dir', () => defaultMemoryDir(env, home));
  fill('runtime.dir', () => defaultRuntimeDir(env, textOf('state.dir'), isStateGiven));
  fill('admin.socket', () => ({ path: join(textOf('runtime.dir'), 'admin.sock'), source: 'default (in runtime.dir)' }));

  fill('worker.socket', () => ({
    path: join(textOf('runtime.dir'), 'worker.sock'),
    source: 'default (in runtime.dir)',
  }));

  const baseUrl = textOf('model.base_url');
  if (values.get('model.backend') === 'auto') {
    const [server] = serversIn(values);
    values.set('model.backend', server === undefined ? 'builtin' : 'openai');
    sources.set('model.backend', `computed (${server === undefined ? 'no model server is set' : `${server} is set`})`);
  }
  if (values.get('model.trust') === '') {
    const local = values.get('model.backend') === 'builtin' || isLocalUrl(baseUrl);
    values.set('model.trust', local ? 'local' : 'cloud');
    // It is about the server of model.base_url alone: the worker and the other backends have their own.
    const elsewhere =
      baseUrl === '' ? 'no model.base_url is set; other servers have their own' : 'the model is not on loopback';
    sources.set('model.trust', `computed (${local ? 'the model is on this machine' : elsewhere})`);
  }
}

/** The keys that name a model server. */
export function serversIn(values: ReadonlyMap<string, SettingValue>): string[] {
  const keys: readonly [key: string, unset: string][] = [
    ['worker.profile', 'none'],
    ['model.base_url', ''],
    ['model.backends', ''],
    ['openrouter.api_key', ''],
  ];
  return keys.flatMap(([key, unset]) => (String(values.get(key)) === unset ? [] : [key]));
}

/** A server nobody but this machine runs: only there may notes go without the cloud rules. */
export function isLocalUrl(url: string): boolean {
  if (url.startsWith('unix:')) return true;
  const parsed = URL.parse(url);
  return parsed !== null && isLoopbackHost(parsed.hostname);
}
