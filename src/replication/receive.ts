import { ClosedError, OverloadedError } from '../errors.ts';
import type { ReceiptJob } from '../log/decide.ts';
import type { Observer } from '../ports/observer.ts';
import type { ReceiveAnswer } from '../ports/receiving.ts';
import { canonicalBytes, receiptDigest } from '../receipt/canonical.ts';
import type { Receipt } from '../receipt/receipt.ts';
import { toHex } from '../std/bytes.ts';
import type { Committer } from './commit.ts';

/**
 * Takes receipts from remotes by the plain protocol (SPEC §3.1): durable here before any answer, never sent on. One answer per
 * receipt, in order; never rejects.
 */
export function receive(parts: { readonly committer: Committer; readonly observe: Observer }, receipts: readonly Receipt[]): Promise<readonly ReceiveAnswer[]> {
  return Promise.all(receipts.map((receipt) => receiveOne(parts, receipt)));
}

function receiveOne(parts: { readonly committer: Committer; readonly observe: Observer }, receipt: Receipt): Promise<ReceiveAnswer> {
  const canonical = canonicalBytes(receipt);
  const job: ReceiptJob = { from: 'peer', receiptId: receipt.receiptId, receipt, canonical, digest: receiptDigest(canonical) };
  return new Promise((resolve) => {
    parts.committer.submit(job, {
      answered: (answer) => {
        if (answer.kind !== 'conflict') {
          resolve({ kind: 'acknowledged', digest: job.digest, duplicate: answer.kind === 'known' });
          return;
        }
        const digests = { digest: toHex(answer.held), offeredDigest: toHex(job.digest) };
        parts.observe({ kind: 'conflict', receiptId: job.receiptId, ...digests, from: 'peer' });
        resolve({ kind: 'conflict', held: answer.held, offered: job.digest });
      },
      failed: (error) => resolve(refusalOf(error)),
    });
  });
}

function refusalOf(error: Error): ReceiveAnswer {
  if (error instanceof OverloadedError) return { kind: 'overloaded', retryAfterMs: error.retryAfterMs };
  if (error instanceof ClosedError) return { kind: 'closed' };
  return { kind: 'store-failed', message: error.message };
}
