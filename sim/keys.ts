import { createHash } from 'node:crypto';
import type { Cluster } from '../src/quorum/cluster.ts';
import type { SigningRegion } from '../src/quorum/cluster-policy.ts';
import type { Signing } from '../src/replication/evidence.ts';
import { concatBytes, equalBytes, sha256, utf8Bytes } from '../src/std/bytes.ts';
import { cosignatureBytes, cosignedMessage } from '../src/tlog/cosignature.ts';
import { keyIdOf, TYPE_ED25519, type VerifierKey } from '../src/tlog/vkey.ts';

/** More signatures are not remembered: a seed has fewer. */
const REMEMBERED_MAX = 20_000;

/** The same keys with signatures that are hashes: as good as real ones where nobody forges. */
export function simulated({ signer, cluster }: Signing): Signing {
  const faked = (key: VerifierKey): VerifierKey => ({ ...key, verify: (message, signature) => equalBytes(signature, fakeSignature(key, message)) });
  return {
    signer: {
      logKey: faked(signer.logKey),
      mirrorKey: faked(signer.mirrorKey),
      sign: (text, name) => ({ name, keyId: keyIdOf(name, TYPE_ED25519, signer.logKey.publicKey), signature: fakeSignature(signer.logKey, utf8Bytes(text)) }),
      cosign: (text, atS) => {
        const { name, keyId } = signer.mirrorKey;
        return { name, keyId, signature: cosignatureBytes(atS, fakeSignature(signer.mirrorKey, cosignedMessage(text, atS))) };
      },
    },
    cluster: withKeys(cluster, faked),
  };
}

/** The same keys, by whom one signature of one message is checked once, whichever region and checker asks: what is true of it stays true. */
export function remembered({ signer, cluster }: Signing): Signing {
  const { logKey, mirrorKey } = signer;
  const { sign, cosign } = { sign: signer.sign.bind(signer), cosign: signer.cosign.bind(signer) };
  return { signer: { logKey: checkedOnce(logKey), mirrorKey: checkedOnce(mirrorKey), sign, cosign }, cluster: withKeys(cluster, checkedOnce) };
}

const KNOWN = new Map<string, boolean>();

function checkedOnce(key: VerifierKey): VerifierKey {
  const verify: VerifierKey['verify'] = (message, signature) => {
    const name = createHash('sha256').update(key.publicKey).update(signature).update(message).digest('base64');
    const known = KNOWN.get(name) ?? key.verify(message, signature);
    if (KNOWN.size >= REMEMBERED_MAX) KNOWN.clear();
    KNOWN.set(name, known);
    return known;
  };
  return { ...key, verify };
}

function withKeys(cluster: Cluster, change: (key: VerifierKey) => VerifierKey): Cluster {
  const region = (each: SigningRegion): SigningRegion => ({ ...each, logKey: change(each.logKey), mirrorKey: change(each.mirrorKey) });
  const witnesses = new Map([...cluster.policy.witnesses].map(([name, key]) => [name, change(key)]));
  return {
    ...cluster,
    own: region(cluster.own),
    remotes: new Map([...cluster.remotes].map(([id, each]) => [id, region(each)])),
    policy: { ...cluster.policy, logs: cluster.policy.logs.map(change), witnesses },
  };
}

function fakeSignature({ publicKey }: Pick<VerifierKey, 'publicKey'>, message: Uint8Array): Uint8Array {
  const half = sha256(concatBytes([publicKey, message]));
  return concatBytes([half, half]);
}
