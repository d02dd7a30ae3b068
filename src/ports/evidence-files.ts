/** Evidence that this region keeps for others to look at: files named by the SHA-256 of what they hold, in hex. */
export interface EvidenceFiles {
  /** Makes the text durable under its name, and says the name; one that is there already is not written again. Rejects where the disk refuses. */
  keep(text: string): Promise<string>;
  /** The text of this name, or `undefined`. */
  read(name: string): Promise<string | undefined>;
}
