import type { NoteSignature } from '../tlog/note.ts';
import type { VerifierKey } from '../tlog/vkey.ts';

/** The region's two private keys. Signing is synchronous: one signature a batch and region, never one a receipt. */
export interface Signer {
  /** Of the own log, type 0x01. */
  readonly logKey: VerifierKey;
  /** Of the cosigner, type 0x04. */
  readonly mirrorKey: VerifierKey;
  /** The log's signature of a text, under the name that the text asks for (C2SP signed-note). */
  sign(text: string, name: string): NoteSignature;
  /** The cosigner's, with its time (C2SP tlog-cosignature). The same text and time give the same bytes (RFC 8032). */
  cosign(text: string, unixSeconds: number): NoteSignature;
}
