import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createServer, type Server, type ServerOptions } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ReceiptSyncManager } from '../../src/manager.ts';
import { MultiRegionConfig } from '../../src/region/multi-region-config.ts';
import { RemoteRegion } from '../../src/region/remote-region.ts';
import type { SyncResult } from '../../src/region/sync-result.ts';
import { receiptOf } from '../receipts.ts';
import { Regions } from '../regions.ts';
import { Authority, type Credentials } from './certificates.ts';

interface TlsRegion extends AsyncDisposable {
  readonly url: string;
  readonly server: Server;
  readonly requests: () => number;
}

/** A real receiving region behind TLS on loopback. */
async function tlsRegion(regions: Regions, credentials: Credentials, options: ServerOptions = {}): Promise<TlsRegion> {
  const west = await regions.receiving('us-west-1');
  let requests = 0;
  const server = createServer({ ...credentials, ...options }, (request, response) => {
    requests += 1;
    west.manager.peerHandler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { url: `https://127.0.0.1:${port}`, server, requests: () => requests, [Symbol.asyncDispose]: close };
}

async function syncTo(regions: Regions, url: string, caFile?: string): Promise<SyncResult> {
  const remote = new RemoteRegion('us-west-1', url, { timeout: '5s', ...(caFile === undefined ? {} : { caFile }) });
  const config = new MultiRegionConfig('us-east-1').addRegion(remote).withCrossRegionSync(true).withQuorumThreshold(2).withRetryBackoff('50ms');
  const manager = await regions.open(config);
  return manager.syncReceipt(receiptOf(1), { waitFor: 'all' });
}

async function world(): Promise<{ readonly regions: Regions; readonly authority: Authority }> {
  const regions = await Regions.make();
  const folder = join(regions.folder, 'pki');
  mkdirSync(folder);
  return { regions, authority: new Authority(folder) };
}

test('a region behind TLS with an authority of its own is a region like any other, and TLS 1.3 is what is spoken', async () => {
  const { regions, authority } = await world();
  await using _ = regions;
  await using west = await tlsRegion(regions, authority.issue('west', 'IP:127.0.0.1'));
  const protocols = new Set<string | null>();
  west.server.on('secureConnection', (socket) => protocols.add(socket.getProtocol()));
  const result = await syncTo(regions, west.url, authority.caFile);
  assert.deepEqual([result.outcome, result.errors], ['quorum', []]);
  assert.deepEqual([...protocols], ['TLSv1.3']);
});

for (const [claim, made, code] of [
  ['an authority that is not trusted', (authority: Authority) => ({ credentials: authority.issue('west', 'IP:127.0.0.1') }), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  [
    'an expired certificate',
    (authority: Authority) => ({ credentials: authority.issue('west', 'IP:127.0.0.1', -1), ca: authority.caFile }),
    'CERT_HAS_EXPIRED',
  ],
  [
    'a certificate for another name',
    (authority: Authority) => ({ credentials: authority.issue('west', 'DNS:west.example.com'), ca: authority.caFile }),
    'ERR_TLS_CERT_ALTNAME_INVALID',
  ],
  [
    'a server that ends at TLS 1.2',
    (authority: Authority) => ({ credentials: authority.issue('west', 'IP:127.0.0.1'), ca: authority.caFile, options: { maxVersion: 'TLSv1.2' } as const }),
    'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  ],
] as const) {
  test(`${claim} is a TLS failure, not tried again in the call, and nothing was sent`, async () => {
    const { regions, authority } = await world();
    await using _ = regions;
    const { credentials, ca, options } = { ca: undefined, options: {}, ...made(authority) };
    await using west = await tlsRegion(regions, credentials, options);
    const result = await syncTo(regions, west.url, ca);
    const [error] = result.errors;
    assert.deepEqual([result.outcome, error?.code, error?.retryable, west.requests()], ['pending', 'TLS', false, 0], JSON.stringify(result.errors));
    assert.match(error?.message ?? '', new RegExp(code));
    assert.deepEqual(result.pending, ['us-west-1'], 'it stays owed: certificates are renewed');
  });
}

test('https to a listener without TLS is a TLS failure', async () => {
  const { regions, authority } = await world();
  await using _ = regions;
  const plain = await regions.fake((_request, response) => response.end());
  const toPlain = await syncTo(regions, plain.url.replace('http:', 'https:'), authority.caFile);
  assert.deepEqual([toPlain.errors[0]?.code, toPlain.errors[0]?.retryable], ['TLS', false], JSON.stringify(toPlain.errors));
});

test('a certificate that is renewed is taken without a restart', async () => {
  const { regions, authority } = await world();
  await using _ = regions;
  await using west = await tlsRegion(regions, authority.issue('old', 'IP:127.0.0.1', -1));
  const remote = new RemoteRegion('us-west-1', west.url, { timeout: '5s', caFile: authority.caFile });
  const manager: ReceiptSyncManager = await regions.open(
    new MultiRegionConfig('us-east-1').addRegion(remote).withCrossRegionSync(true).withQuorumThreshold(2).withRetryBackoff('50ms'),
  );
  assert.equal((await manager.syncReceipt(receiptOf(1))).outcome, 'pending');
  west.server.setSecureContext(authority.issue('new', 'IP:127.0.0.1'));
  assert.equal((await manager.syncReceipt(receiptOf(1))).outcome, 'quorum');
});
