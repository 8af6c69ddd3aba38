// The Ed25519 key that signs checkpoints: given as a credential, or made once in the state directory (0600). Its public half
// is for everybody; who keeps it elsewhere can tell our checkpoints from forged ones.

import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { AppError, systemErrorCode } from '../lib/app-error.ts';

export interface SigningKey {
  /** 32 bytes in base64url. */
  publicKey: string;
  publicPem: string;
  /** Base64url. */
  sign(text: string): string;
}

/** A PEM file of PKCS #8. `where` names it in the error; throws `CONFIG_INVALID`. */
export function parseSigningKey(pem: string, where: string): SigningKey {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw notAKey(where, cause);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw notAKey(where);
  const publicKey = createPublicKey(key);
  return {
    publicKey: rawPublicKey(publicKey),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }),
    sign: (text) => sign(null, Buffer.from(text), key).toString('base64url'),
  };
}

/** Reads the key at `file`, or makes one there. */
export function loadSigningKey(file: string): SigningKey {
  try {
    return parseSigningKey(readIfThere(file) ?? createKeyFile(file), file);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('STORE_FAILED', `Can't use ${file} (${systemErrorCode(cause) ?? 'unknown error'})`, {
      hint: 'Make the state directory writable for the user mem-agent runs as, with free space on its disk',
      cause,
    });
  }
}

/** The key that signed before, left beside its successor; undefined if there is none. */
export function findSigningKey(file: string): SigningKey | undefined {
  const pem = readIfThere(file);
  return pem === undefined ? undefined : parseSigningKey(pem, file);
}

/** Public keys from PEM or from the text that stands in a checkpoint, as many as there are. Throws `INVALID_INPUT`. */
export function parsePublicKeys(text: string): string[] {
  const pems = text.match(/-----BEGIN PUBLIC KEY-----[^-]*-----END PUBLIC KEY-----/g);
  const words = text.trim().split(/\s+/);
  if (pems === null && words.every((word) => /^[\w-]{43}$/.test(word))) return words;
  try {
    const keys = (pems ?? []).map((pem) => createPublicKey(pem));
    if (keys.length > 0 && keys.every((key) => key.asymmetricKeyType === 'ed25519')) return keys.map(rawPublicKey);
  } catch (cause) {
    throw noPublicKey(cause);
  }
  throw noPublicKey();
}

function noPublicKey(cause?: unknown): AppError {
  const hint = 'Give what "mem-agent audit public-key" printed';
  return new AppError('INVALID_INPUT', 'This is no Ed25519 public key', { hint, cause });
}

function notAKey(where: string, cause?: unknown): AppError {
  return new AppError('CONFIG_INVALID', `${where} holds no Ed25519 private key in PEM`, {
    hint: 'Make one with "openssl genpkey -algorithm ed25519", or leave it to mem-agent',
    cause,
  });
}

function rawPublicKey(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64url');
}

/** Two processes may start at once: a hard link is the step that only one of them wins. */
function createKeyFile(file: string): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  const temporary = `${file}.${process.pid}.${randomBytes(6).toString('hex')}`;
  try {
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(temporary, pem, { mode: 0o600, flag: 'wx', flush: true });
    linkSync(temporary, file);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  return readFileSync(file, 'utf8');
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
