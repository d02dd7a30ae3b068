import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { InvalidConfigError, InvalidEvidenceError } from '../errors.ts';
import { checkNames, logOrigin, mirrorName, type RegionName } from '../log/names.ts';
import type { Signer } from '../ports/signer.ts';
import { equalBytes, fromBase64, toBase64, utf8Bytes } from '../std/bytes.ts';
import { cosignatureBytes, cosignedMessage } from '../tlog/cosignature.ts';
import type { NoteSignature } from '../tlog/note.ts';
import { formatVerifierKey, type KeyType, keyIdOf, parseVerifierKey, TYPE_COSIGNATURE, TYPE_ED25519, type VerifierKey, verifierKey } from '../tlog/vkey.ts';

/** Of a key file's form. */
const VERSION = 1;
/** A key file is a few hundred bytes. */
const FILE_BYTES_MAX = 64 * 1024;
/** Bits of a mode that let anybody else read. */
const OTHERS = 0o077;
/** PKCS #8 of an Ed25519 key without its 32 bytes (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A key with its secret. */
interface KeyPair {
  readonly verifier: VerifierKey;
  readonly secret: KeyObject;
}

/** New keys: the text of a key file, to be written with mode 0600, and the public halves as vkeys. */
export interface NewKeys {
  readonly file: string;
  readonly log: string;
  readonly mirror: string;
}

/** New keys of a region. Throws InvalidConfigError for names that no key can have. */
export function newKeys(name: RegionName): NewKeys {
  checkNames(name);
  const keys = { log: newKey(logOrigin(name), TYPE_ED25519), mirror: newKey(mirrorName(name), TYPE_COSIGNATURE) };
  return { file: `${JSON.stringify({ version: VERSION, ...keys }, undefined, 2)}\n`, log: keys.log.vkey, mirror: keys.mirror.vkey };
}

/** Reads a region's key file. Throws InvalidConfigError: not there, readable by others, malformed, or another region's keys. */
export function readSigner(path: string, name: RegionName): Signer {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined) throw refused(`There is no key file ${path}`);
  if (!file.isFile() || file.size > FILE_BYTES_MAX) throw refused(`${path} is no key file`);
  if ((file.mode & OTHERS) !== 0) throw refused(`The key file ${path} may be read by others (mode ${(file.mode & 0o777).toString(8)}): chmod 600 it`);
  const fields = readJson(path);
  const version: unknown = typeof fields === 'object' && fields !== null ? Reflect.get(fields, 'version') : undefined;
  if (version !== VERSION) throw refused(`The key file ${path} has version ${String(version).slice(0, 32)}, this program reads ${VERSION}`);
  const log = keyPair(fields, { path, field: 'log', type: TYPE_ED25519 });
  const mirror = keyPair(fields, { path, field: 'mirror', type: TYPE_COSIGNATURE });
  checkNames(name);
  for (const [{ verifier }, wanted] of [
    [log, logOrigin(name)],
    [mirror, mirrorName(name)],
  ] as const)
    if (verifier.name !== wanted) throw refused(`The key file ${path} holds the key ${verifier.name}, not ${wanted}`);
  if (equalBytes(log.verifier.publicKey, mirror.verifier.publicKey))
    throw refused(`The key file ${path} holds one key twice: a log and a mirror have two different ones`);
  return signerOf(log, mirror);
}

/** A signer with keys in memory: what tests and the simulator use. `seed`: 32 bytes a key. */
export function signerFromSeeds(name: RegionName, seeds: { readonly log: Uint8Array; readonly mirror: Uint8Array }): Signer {
  const pair = (keyName: string, type: KeyType, seed: Uint8Array): KeyPair => {
    const secret = secretOf(seed);
    return { secret, verifier: verifierKey(keyName, type, publicOf(secret)) };
  };
  return signerOf(pair(logOrigin(name), TYPE_ED25519, seeds.log), pair(mirrorName(name), TYPE_COSIGNATURE, seeds.mirror));
}

function signerOf(log: KeyPair, mirror: KeyPair): Signer {
  return {
    logKey: log.verifier,
    mirrorKey: mirror.verifier,
    sign: (text, name): NoteSignature => {
      const keyId = keyIdOf(name, TYPE_ED25519, log.verifier.publicKey);
      return { name, keyId, signature: sign(null, utf8Bytes(text), log.secret) };
    },
    cosign: (text, unixSeconds): NoteSignature => {
      const { name, keyId } = mirror.verifier;
      return { name, keyId, signature: cosignatureBytes(unixSeconds, sign(null, cosignedMessage(text, unixSeconds), mirror.secret)) };
    },
  };
}

function newKey(name: string, type: KeyType): { readonly vkey: string; readonly seed: string } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PKCS8_PREFIX.length);
  return { vkey: formatVerifierKey(verifierKey(name, type, publicOf(privateKey))), seed: toBase64(seed) };
}

function readJson(path: string): unknown {
  const text = readText(path);
  try {
    return JSON.parse(text);
  } catch {
    // What the parser says quotes the text around the place, and here that may be a secret.
    throw refused(`The key file ${path} is not JSON`);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw refused(`The key file ${path} can't be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function keyPair(fields: unknown, { path, field, type }: { readonly path: string; readonly field: 'log' | 'mirror'; readonly type: KeyType }): KeyPair {
  const key: unknown = typeof fields === 'object' && fields !== null ? Reflect.get(fields, field) : undefined;
  const text = (name: string): string => (typeof key === 'object' && key !== null ? String(Reflect.get(key, name)) : '');
  const seed = fromBase64(text('seed'));
  if (seed?.length !== 32) throw refused(`The key file ${path} has no ${field}.seed of 32 bytes in base64`);
  try {
    const verifier = parseVerifierKey(text('vkey'));
    const secret = secretOf(seed);
    if (verifier.type !== type || !equalBytes(verifier.publicKey, publicOf(secret)))
      throw new InvalidEvidenceError('vkey', 'is not that of its seed, or of another kind');
    return { verifier, secret };
  } catch (error) {
    if (!(error instanceof InvalidEvidenceError)) throw error;
    throw refused(`The key file ${path}: ${field}.${error.message}`);
  }
}

function secretOf(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}

function publicOf(secret: KeyObject): Uint8Array {
  return Buffer.from(createPublicKey(secret).export({ format: 'jwk' }).x ?? '', 'base64url');
}

function refused(message: string): InvalidConfigError {
  return new InvalidConfigError([{ path: 'region.keyFile', message }]);
}
