// Text from the environment and from flags to typed values, and the check that TOML gave the type the key has.
// Stricter than convict's own conversion, which reads "20x" as 20 and "no" as true.
import type { ConfigKey, SettingValue } from './config-key.ts';
import { expandPath } from './expand-path.ts';
import type { Setting } from './layer.ts';

const TRUE = new Set(['true', '1', 'yes', 'on']);
const FALSE = new Set(['false', '0', 'no', 'off']);

/** The typed value, or undefined if the setting has not the type of the key. */
export function coerceValue(row: ConfigKey, setting: Setting, home: string): SettingValue | undefined {
  const value = setting.isText ? fromText(row, String(setting.raw)) : fromToml(row, setting.raw);
  if (typeof value !== 'string') return value;
  if (row.type === 'path') return expandPath(value, setting.baseDir, home);
  if (row.type === 'listen' && value.startsWith('unix:')) {
    return `unix:${expandPath(value.slice('unix:'.length), setting.baseDir, home)}`;
  }
  // `http://host/v1/` and `http://host/v1` are one server.
  return row.type === 'url' ? value.replace(/\/+$/, '') : value;
}

/** A port from its decimal digits, or undefined. */
export function parsePort(text: string): number | undefined {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port <= 65_535 ? port : undefined;
}

function fromText(row: ConfigKey, text: string): SettingValue | undefined {
  const trimmed = text.trim();
  switch (row.type) {
    case 'int':
      return /^[+-]?\d+$/.test(trimmed) ? Number(trimmed) : undefined;
    case 'number':
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed) ? Number(trimmed) : undefined;
    case 'bool':
      return TRUE.has(trimmed.toLowerCase()) ? true : FALSE.has(trimmed.toLowerCase()) ? false : undefined;
    case 'list':
      return splitList(trimmed);
    case 'path':
      return text;
    default:
      return trimmed;
  }
}

function fromToml(row: ConfigKey, raw: unknown): SettingValue | undefined {
  switch (row.type) {
    case 'int':
    case 'number':
      return typeof raw === 'number' ? raw : undefined;
    case 'bool':
      return typeof raw === 'boolean' ? raw : undefined;
    case 'list':
      return Array.isArray(raw) && raw.every((entry) => typeof entry === 'string') ? raw : undefined;
    default:
      return typeof raw === 'string' ? raw : undefined;
  }
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}
