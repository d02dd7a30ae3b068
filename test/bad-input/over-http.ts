import { connect } from 'node:net';
import type { Pool } from 'undici';
import type { BodyCase, RawCase } from './cases/case.ts';

/** No answer, and no end, within this is an answer too: the wrong one. */
const SILENCE_MS = 20_000;
/** Nothing that came in is shown back at more than this (CONTRACT §4). */
const ECHO_CHARACTERS_MAX = 200;

/** What a case came to. `wrong` is undefined where it is as it should be. */
export interface Outcome {
  readonly answer: string;
  readonly wrong: string | undefined;
}

/** Posts a bad body: a 4xx problem that points at what is wrong. */
export async function posted(pool: Pool, path: string, { body, contentType = 'application/json' }: BodyCase): Promise<Outcome> {
  const response = await pool.request({ method: 'POST', path, headers: { 'content-type': contentType }, body, signal: AbortSignal.timeout(SILENCE_MS) });
  const text = await response.body.text();
  const { statusCode: status } = response;
  if (status === 207 || (status === 200 && text.startsWith('['))) return judgedItems(status, text);
  return judged(status, String(response.headers['content-type']), text);
}

function judged(status: number, type: string, text: string): Outcome {
  const body = fieldsOf(text);
  const answer = `${status} ${body['code']}`;
  if (status < 400 || status > 499) return { answer, wrong: `status ${status}` };
  if (type !== 'application/problem+json') return { answer, wrong: `content type ${type}` };
  return { answer, wrong: wrongProblem(text, body) };
}

/** An array answers item by item; nothing of a bad one is good. */
function judgedItems(status: number, text: string): Outcome {
  const items: readonly Readonly<Record<string, unknown>>[] = JSON.parse(text);
  const wrong = items.map((item) => {
    const code = Number(item['http_status'] ?? item['status']);
    return code >= 400 && code <= 499 ? wrongProblem(JSON.stringify(item), item) : `an item is ${JSON.stringify(item).slice(0, 100)}`;
  });
  return { answer: `${status} with ${String(items[0]?.['code'])}`, wrong: wrong.find((problem) => problem !== undefined) };
}

function wrongProblem(text: string, body: Readonly<Record<string, unknown>>): string | undefined {
  const { code, detail, pointer, header } = body;
  if (typeof code !== 'string' || typeof detail !== 'string' || detail === '') return `no problem: ${text.slice(0, 100)}`;
  if (typeof pointer !== 'string' && typeof header !== 'string' && !NAMELESS.has(code)) return `${code} names no field`;
  if (/\bat .*\(?.*\.[tj]s:\d+|node_modules|file:\/\/|\/src\/|\/dist\//.test(text)) return `a stack or a path: ${text.slice(0, 300)}`;
  return detail.length > 2 * ECHO_CHARACTERS_MAX ? 'a long echo' : undefined;
}

/** What is about the request as a whole. */
const NAMELESS: ReadonlySet<string> = new Set(['NOT_FOUND', 'METHOD_NOT_ALLOWED', 'BAD_REQUEST', 'TOO_LARGE', 'REQUEST_TIMEOUT']);

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    // Not JSON: no problem of ours.
    return {};
  }
}

/** Says a raw case on a socket of its own. */
export async function said(port: number, wanted: RawCase): Promise<Outcome & { readonly bytesSent: number }> {
  const { text, bytesSent } = await exchange(port, wanted);
  const head = /^HTTP\/1\.1 (\d{3}) /.exec(text.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, ''));
  if (head === null)
    return { answer: 'closed', wrong: wanted.want.includes('closed') ? undefined : `no answer (${JSON.stringify(text.slice(0, 40))})`, bytesSent };
  const status = Number(head[1]);
  const [, body = ''] = text.split(/\r\n\r\n/);
  if (!wanted.want.includes(status)) return { answer: String(status), wrong: `status ${status}, wanted ${wanted.want.join(' or ')}`, bytesSent };
  const type = /content-type: ([^\r]+)/i.exec(text)?.[1] ?? '';
  return { ...judged(status, type, body), bytesSent };
}

function exchange(port: number, wanted: RawCase): Promise<{ readonly text: string; readonly bytesSent: number }> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: false });
    let text = '';
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, bytesSent: socket.bytesWritten });
    };
    const timer = setTimeout(end, SILENCE_MS);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (isWhole(text)) end();
    });
    socket.once('close', end);
    socket.on('error', () => undefined);
    socket.once('connect', () => void speak(socket, wanted));
  });
}

async function speak(socket: ReturnType<typeof connect>, { raw, later = [] }: RawCase): Promise<void> {
  socket.write(raw);
  for (const { afterMs, bytes } of later) {
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    if (socket.destroyed) return;
    if (bytes.length === 0) socket.end();
    else socket.write(bytes);
  }
}

function isWhole(text: string): boolean {
  const answer = text.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '');
  const [head = '', body] = answer.split(/\r\n\r\n/);
  const length = /content-length: (\d+)/i.exec(head)?.[1];
  return body !== undefined && length !== undefined && body.length >= Number(length);
}
