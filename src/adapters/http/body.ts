import type { IncomingMessage } from 'node:http';
import { ReceiptSyncError } from '../../errors.ts';

/**
 * The whole body; `tooLarge` as soon as that is known, by its announced length or on the way. `look` sees what there is after each
 * part and ends the reading by what it returns. Listens to the request itself: an iterator over it costs a small batch more than the
 * rest of its way. What comes after the end of the reading is dropped, so that an answer can still be sent.
 */
export function bodyOf<Early = never>(
  request: IncomingMessage,
  bytesMax: number,
  look?: (parts: readonly Buffer[]) => Early | undefined,
): Promise<Buffer | Early> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) {
    request.resume();
    return Promise.reject(tooLarge(bytesMax));
  }
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    const end = (settle: () => void): void => {
      request.off('data', take).off('end', whole).off('error', broken).off('close', gone);
      // A late error of a request that nobody reads any more is nobody's.
      request.on('error', () => undefined);
      settle();
    };
    const stop = (settle: () => void): void => {
      end(settle);
      // What still comes is dropped as it comes: a connection that is closed over bytes nobody took is reset, and takes the answer with it.
      request.resume();
    };
    const take = (part: Buffer): void => {
      bytes += part.length;
      parts.push(part);
      try {
        if (bytes > bytesMax) throw tooLarge(bytesMax);
        const early = look?.(parts);
        if (early !== undefined) stop(() => resolve(early));
      } catch (error) {
        stop(() => reject(error));
      }
    };
    const whole = (): void => end(() => resolve(parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)));
    const broken = (error: Error): void => end(() => reject(error));
    const gone = (): void => broken(new Error('The connection ended within the body'));
    if (request.destroyed) gone();
    else request.on('data', take).on('end', whole).on('error', broken).on('close', gone);
  });
}

/** A body, line or receipt beyond its bound. */
export function tooLarge(bytesMax: number): ReceiptSyncError {
  return new ReceiptSyncError('TOO_LARGE', `The body must have at most ${bytesMax} bytes`);
}
