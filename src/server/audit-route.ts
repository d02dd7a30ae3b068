import type { Exchange } from '../adapters/http/route.ts';
import { auditJson, findingJson } from '../audit/json.ts';
import { InvalidQueryError, OverloadedError } from '../errors.ts';
import type { ReceiptSyncManager } from '../manager.ts';

/** Lines of progress no closer than this. */
const PROGRESS_MS = 500;
const BUSY_RETRY_AFTER_MS = 10_000;
const LIMIT_MAX = 1_000_000_000;

/** `GET /api/v1/audit?limit=N`: ndjson of findings and progress, and the result as its last line. One at a time: it reads the whole store. */
export class AuditRoute {
  readonly #manager: ReceiptSyncManager;
  #isBusy = false;

  constructor(manager: ReceiptSyncManager) {
    this.#manager = manager;
  }

  readonly handle = async ({ response, query }: Exchange): Promise<void> => {
    const limit = limitOf(query);
    if (this.#isBusy) throw new OverloadedError('An audit is under way', BUSY_RETRY_AFTER_MS);
    this.#isBusy = true;
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      await this.#send(response, { limit, signal: gone.signal });
    } catch (error) {
      // Whoever asked has gone: there is nobody to tell.
      if (!gone.signal.aborted) throw error;
    } finally {
      this.#isBusy = false;
    }
  };

  async #send(response: Exchange['response'], asked: { readonly limit: number | undefined; readonly signal: AbortSignal }): Promise<void> {
    let saidMs = performance.now();
    const line = (fields: object): void => {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write(`${JSON.stringify(fields)}\n`);
    };
    const audit = await this.#manager.audit({
      ...asked,
      onFinding: (finding) => line({ finding: findingJson(finding) }),
      onProgress: (progress) => {
        if (performance.now() < saidMs + PROGRESS_MS) return;
        saidMs = performance.now();
        line({ progress });
      },
    });
    line({ result: auditJson(audit) });
    response.end();
  }
}

function limitOf(query: URLSearchParams): number | undefined {
  for (const name of query.keys()) if (name !== 'limit') throw new InvalidQueryError(name, 'is no parameter here; there is limit');
  const text = query.get('limit');
  if (text === null) return undefined;
  const limit = Number(text);
  if (!/^[1-9][0-9]{0,9}$/.test(text) || limit > LIMIT_MAX) throw new InvalidQueryError('limit', `must be a whole number from 1 to ${LIMIT_MAX}`);
  return limit;
}
