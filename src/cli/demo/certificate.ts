import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Receipt } from '../../receipt/receipt.ts';
import { receiptJson } from '../../receipt/wire.ts';
import { verifyCertificate } from '../../verify.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import type { RegionProcess } from './region-process.ts';

/** The three files that offline verification takes, and whether they verify. */
export interface WrittenCertificate {
  readonly certificate: string;
  readonly receipt: string;
  readonly policy: string;
  readonly verified: boolean;
}

/** The checkpoint that certifies the last receipts may come a second after their quorum (SPEC §3.2). */
const CERTIFIED_MS_MAX = 30_000;
const ASK_AGAIN_MS = 100;

/** Asks a region for the certificate of a receipt, writes it with its receipt and policy, and verifies what was written. */
export async function writeCertificate(
  folder: string,
  region: RegionProcess,
  what: { readonly receipt: Receipt; readonly policy: string },
): Promise<WrittenCertificate> {
  const { receipt, policy } = what;
  mkdirSync(folder, { recursive: true });
  const certificate = await askFor(region, receipt.receiptId);
  const files = { certificate: join(folder, 'certificate.tlog-proof'), receipt: join(folder, 'receipt.json'), policy: join(folder, 'policy') };
  writeFileSync(files.certificate, certificate);
  writeFileSync(files.receipt, `${receiptJson(receipt)}\n`);
  writeFileSync(files.policy, policy);
  const { valid } = await verifyCertificate({ certificate, receipt: receiptJson(receipt), policy });
  return { ...files, verified: valid };
}

async function askFor(region: RegionProcess, receiptId: string): Promise<string> {
  const deadline = performance.now() + CERTIFIED_MS_MAX;
  while (true) {
    try {
      return await region.client.getCertificate(receiptId);
    } catch (error) {
      if (performance.now() > deadline)
        throw new CommandFailure(EXIT.negative, `No certificate of ${receiptId}: ${error instanceof Error ? error.message : String(error)}`);
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }
}
