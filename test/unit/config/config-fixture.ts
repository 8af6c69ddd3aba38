// A machine in a temporary directory for the configuration tests: home, working directory, /etc and helpers to load.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ConfigError } from '../../../src/config/config-error.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import type { LoadConfigInput, LoadedConfig } from '../../../src/config/load-config.ts';

export interface Machine extends Disposable {
  home: string;
  cwd: string;
  etc: string;
  /** Where `config.toml` of a user is. */
  userConfig: string;
  write(path: string, text: string, mode?: number): string;
  load(input?: Partial<LoadConfigInput>): LoadedConfig;
  /** Loads, and returns the error that must come. */
  fail(input?: Partial<LoadConfigInput>): ConfigError;
}

export function createMachine(): Machine {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'config-')));
  const [home, cwd, etc] = [join(root, 'home'), join(root, 'cwd'), join(root, 'etc')];
  for (const path of [home, cwd, etc]) mkdirSync(path);
  const load = (input: Partial<LoadConfigInput> = {}): LoadedConfig =>
    loadConfig({ env: {}, cwd, home, systemConfigDir: etc, ...input });
  return {
    home,
    cwd,
    etc,
    userConfig: join(home, '.config', 'mem-agent'),
    write(path, text, mode = 0o600) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
      chmodSync(path, mode);
      return path;
    },
    load,
    fail(input) {
      try {
        load(input);
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
        return error;
      }
      return assert.fail('the configuration was accepted');
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}
