import type { IncomingMessage } from 'node:http';
import { ReceiptSyncError } from '../../errors.ts';
import { GrowingBody, PIECES_MAX } from './growing-body.ts';

/**
 * The whole body; `tooLarge` as soon as that is known, by its announced length or on the way. `look` sees what there is after each
 * part and ends the reading by what it returns. Listens to the request itself: an iterator over it costs a small batch more than the
 * rest of its way. What comes after the end of the reading is dropped, so that an answer can still be sent.
 */
export function bodyOf<Early = never>(request: IncomingMessage, bytesMax: number, look?: (begun: Buffer) => Early | undefined): Promise<Buffer | Early> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > bytesMax) {
    request.resume();
    return Promise.reject(tooLarge(bytesMax));
  }
  return new Promise((resolve, reject) => {
    const body = new GrowingBody(announced);
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
      try {
        if (body.length + part.length > bytesMax) throw tooLarge(bytesMax);
        if (!body.add(part)) throw new ReceiptSyncError('TOO_LARGE', `The body must come in at most ${PIECES_MAX} pieces`);
        const early = look?.(body.bytes);
        if (early !== undefined) stop(() => resolve(early));
      } catch (error) {
        stop(() => reject(error));
      }
    };
    const whole = (): void => end(() => resolve(body.bytes));
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
