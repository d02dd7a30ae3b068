/** Room for a body of unknown length, to begin with. */
const ROOM_BYTES = 64 * 1024;
/** A body comes in at most so many pieces: one of 4 MiB byte by byte would hold a thread for ten seconds. */
export const PIECES_MAX = 65_536;

/** A body in one piece of memory: kept as a list of its pieces, one that is sent byte by byte would take two hundred times its size. */
export class GrowingBody {
  readonly #announced: number;
  #room: Buffer = Buffer.alloc(0);
  #used = 0;
  #pieces = 0;

  /** `announced`: its length as far as somebody has said one, within the bound that it has. */
  constructor(announced: number) {
    this.#announced = announced;
  }

  get length(): number {
    return this.#used;
  }

  /** What has come so far; shares the memory of the first piece while that is all. */
  get bytes(): Buffer {
    return this.#room.subarray(0, this.#used);
  }

  /** False for one piece too many, which is not taken. */
  add(piece: Buffer): boolean {
    this.#pieces += 1;
    if (this.#pieces > PIECES_MAX) return false;
    const used = this.#used + piece.length;
    if (this.#used === 0) this.#room = piece;
    else {
      // The first piece is memory of somebody else: from the second on it is our own.
      if (used > this.#room.length || this.#pieces === 2) this.#grow(used);
      this.#room.set(piece, this.#used);
    }
    this.#used = used;
    return true;
  }

  #grow(needed: number): void {
    const room = Buffer.allocUnsafeSlow(Math.max(needed, this.#announced, 2 * this.#used, ROOM_BYTES));
    room.set(this.bytes);
    this.#room = room;
  }
}
