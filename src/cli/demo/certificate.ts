import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Receipt } from '../../receipt/receipt.ts';
import { receiptJson } from '../../receipt/wire.ts';
import { verifyCertificate } from '../../verify.ts';
import type { RegionProcess } from './region-process.ts';

/** The three files that offline verification takes, and whether they verify. */
export interface WrittenCertificate {
  readonly certificate: string;
  readonly receipt: string;
  readonly policy: string;
  readonly verified: boolean;
}

/** The checkpoint that certifies the last receipts may come a second after their quorum (SPEC §3.2). */
const CERTIFIED_WAIT = '30s';

/** Asks a region for the certificate of a receipt, writes it with its receipt and policy, and verifies what was written. */
export async function writeCertificate(
  folder: string,
  region: RegionProcess,
  what: { readonly receipt: Receipt; readonly policy: string },
): Promise<WrittenCertificate> {
  const { receipt, policy } = what;
  mkdirSync(folder, { recursive: true });
  const certificate = await region.client.getCertificate(receipt.receiptId, { wait: CERTIFIED_WAIT });
  const files = { certificate: join(folder, 'certificate.tlog-proof'), receipt: join(folder, 'receipt.json'), policy: join(folder, 'policy') };
  writeFileSync(files.certificate, certificate);
  writeFileSync(files.receipt, `${receiptJson(receipt)}\n`);
  writeFileSync(files.policy, policy);
  const { valid } = await verifyCertificate({ certificate, receipt: receiptJson(receipt), policy });
  return { ...files, verified: valid };
}
