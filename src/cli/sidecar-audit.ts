import type { ReceiptSyncClient } from '../client.ts';
import { ReceiptSyncError } from '../errors.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What was found, and what it comes to. */
export interface Audited {
  readonly findings: readonly Fields[];
  readonly result: Fields;
}

/** The audit of a running region's store, by itself. Throws UNAVAILABLE where it ends without a result. */
export async function auditOver(
  client: ReceiptSyncClient,
  limit: number | undefined,
  onProgress: (progress: { readonly done: number; readonly total: number }) => void,
): Promise<Audited> {
  const findings: Fields[] = [];
  for await (const line of client.audit(limit)) {
    const { finding, progress, result } = JSON.parse(line);
    if (finding !== undefined) findings.push(finding);
    if (progress !== undefined) onProgress(progress);
    if (result !== undefined) return { findings, result };
  }
  throw new ReceiptSyncError('UNAVAILABLE', 'The audit ended before its end: the region has stopped, or its store can not be read');
}
