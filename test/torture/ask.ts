import { Pool } from 'undici';

/** An answer over HTTP; `undefined` where none came. */
export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** One listener, as a stranger speaks to it: no client of ours. */
export class Listener {
  readonly #pool: Pool;

  constructor(url: string) {
    this.#pool = new Pool(url, { connections: 64, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, connectTimeout: 2_000 });
  }

  /** `undefined` for whatever goes wrong on the way: the asker can't know what became of it. */
  async ask(
    method: 'GET' | 'POST',
    path: string,
    more: { readonly body?: string; readonly headers?: Readonly<Record<string, string>>; readonly timeoutMs?: number } = {},
  ): Promise<Answer | undefined> {
    const { body = null, headers = {}, timeoutMs = 10_000 } = more;
    try {
      const response = await this.#pool.request({ method, path, body, headers, signal: AbortSignal.timeout(timeoutMs) });
      return { status: response.statusCode, body: Buffer.from(await response.body.arrayBuffer()) };
    } catch {
      return undefined;
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** The members of a JSON object; none where it is something else. */
export function members(answer: Answer | undefined): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(answer?.body.toString('utf8') ?? ''));
  } catch {
    return {};
  }
}
