import { Pool } from 'undici';
import { ReceiptSyncError } from '../../errors.ts';
import type { LogSource } from '../../ports/log-source.ts';
import { tilePath } from '../../tlog/tile.ts';
import { bytesMaxOf, CHECKPOINT_BYTES_MAX } from './bounds.ts';

/** One request, its body included. */
const REQUEST_MS_MAX = 30_000;
/** A server that is overloaded or away for a moment is asked again, so often and after so long. */
const ATTEMPTS_MAX = 3;
const ASK_AGAIN_MS = 500;
/** Requests at once: an audit must not be what overloads a region. */
const CONNECTIONS_MAX = 8;

/** How a served log is reached. */
export interface HttpLogOptions {
  /** Where the log's `checkpoint` is: http(s)://host/log, or unix:/path with `prefix` `/log`. */
  readonly url: string;
  /** Path below which the log lies; that of `url` where nothing is said. */
  readonly prefix?: string | undefined;
  readonly token?: string | undefined;
}

/** A log as it is served over HTTP (C2SP tlog-tiles), with bounds on bodies and time. */
export class HttpLogSource implements LogSource, AsyncDisposable {
  readonly name: string;
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor({ url, prefix, token }: HttpLogOptions) {
    const isUnix = url.startsWith('unix:');
    const limits = { connections: CONNECTIONS_MAX, pipelining: 1, headersTimeout: REQUEST_MS_MAX, bodyTimeout: REQUEST_MS_MAX };
    this.#pool = isUnix ? new Pool('http://localhost', { ...limits, connect: { socketPath: url.slice(5) } }) : new Pool(new URL(url).origin, limits);
    this.#prefix = (prefix ?? (isUnix ? '' : new URL(url).pathname)).replace(/\/+$/, '');
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    this.name = isUnix ? `${url}${this.#prefix}` : `${new URL(url).origin}${this.#prefix}`;
  }

  async checkpoint(): Promise<Uint8Array> {
    const bytes = await this.#get('checkpoint', CHECKPOINT_BYTES_MAX);
    if (bytes === undefined) throw new ReceiptSyncError('NOT_FOUND', `${this.name} serves no checkpoint`);
    return bytes;
  }

  resource(name: Parameters<LogSource['resource']>[0]): Promise<Uint8Array | undefined> {
    return this.#get(tilePath(name), bytesMaxOf(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }

  /** The body of a 200, or `undefined` for whatever else is answered. Rejects with UNAVAILABLE where nothing is. */
  async #get(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#ask(`${this.#prefix}/${path}`, bytesMax);
      if (answer.kind === 'body') return answer.bytes;
      if (answer.kind === 'nothing') return undefined;
      if (attempt === ATTEMPTS_MAX && answer.kind === 'unreachable')
        throw new ReceiptSyncError('UNAVAILABLE', `${this.name} can not be reached`, { cause: answer.error });
      if (attempt === ATTEMPTS_MAX) return undefined;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS * attempt));
    }
  }

  async #ask(path: string, bytesMax: number): Promise<Asked> {
    try {
      const signal = AbortSignal.timeout(REQUEST_MS_MAX);
      const { statusCode, body } = await this.#pool.request({ method: 'GET', path, headers: this.#headers, signal });
      if (statusCode !== 200) {
        await body.dump();
        return [429, 502, 503, 504].includes(statusCode) ? { kind: 'busy' } : { kind: 'nothing' };
      }
      return await readAtMost(body, bytesMax);
    } catch (error) {
      return { kind: 'unreachable', error };
    }
  }
}

type Asked =
  | { readonly kind: 'body'; readonly bytes: Uint8Array }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'busy' }
  | { readonly kind: 'unreachable'; readonly error: unknown };

/** A body larger than what it should be is none; the rest of it is not read. */
async function readAtMost(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Asked> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) return { kind: 'nothing' };
    chunks.push(chunk);
  }
  return { kind: 'body', bytes: Buffer.concat(chunks) };
}
