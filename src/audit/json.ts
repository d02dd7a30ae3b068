import { recordedAtMs } from '../log/entry.ts';
import { rfc3339 } from '../std/time.ts';
import type { Finding } from './finding.ts';
import type { StoreAudit } from './store-audit.ts';

/** A finding as it goes over the wire and to whoever reads JSON. */
export function findingJson({ kind, log, index, receiptId, message }: Finding): Readonly<Record<string, unknown>> {
  return { kind, log, ...(index === undefined ? {} : { index }), ...(receiptId === undefined ? {} : { receipt_id: receiptId }), message };
}

/** What an audit comes to. */
export function auditJson({ total, verified, signatureFailures, chainBreaks, lastVerifiedAt }: StoreAudit): Readonly<Record<string, unknown>> {
  return {
    total_count: total,
    verified_count: verified,
    signature_failures: signatureFailures,
    chain_breaks: chainBreaks,
    last_verified_timestamp: lastVerifiedAt === undefined ? null : rfc3339(recordedAtMs(lastVerifiedAt)),
  };
}
