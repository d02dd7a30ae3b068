import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { Pool } from 'undici';
import type { RemoteSettings } from '../../config/daemon-config.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

const DAY_MS = 86_400_000;
const CERTIFICATE_DAYS_WARN = 21;
/** The Date header has whole seconds, and the way takes its time. */
const SKEW_MS_WARN = 3_000;

/** One remote step by step: DNS, TCP, TLS, identity, token, clock. Ends with the first step that fails: the others would only repeat it. */
export async function remoteChecks(remote: RemoteSettings, own: { readonly regionId: string }): Promise<readonly Finding[]> {
  const url = new URL(remote.endpoint);
  const findings: Finding[] = [];
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  for (const step of [
    () => dns(remote, host),
    () => tcp(remote, host, port),
    ...(url.protocol === 'https:' ? [() => tls(remote, host, port)] : []),
    () => identity(remote, own.regionId),
    () => token(remote),
  ]) {
    const found = await step();
    findings.push(...found);
    if (found.some(({ level }) => level === 'fail')) break;
  }
  return findings;
}

async function dns(remote: RemoteSettings, host: string): Promise<readonly Finding[]> {
  try {
    const addresses = await lookup(host, { all: true });
    return [ok(`${remote.id} dns`, `${host} is ${addresses.map(({ address }) => address).join(', ')}`)];
  } catch (error) {
    return [
      fail(`${remote.id} dns`, `${host} has no address (${codeOf(error)})`, `Correct remotes[].endpoint of ${remote.id}, or the resolver of this machine`),
    ];
  }
}

async function tcp(remote: RemoteSettings, host: string, port: number): Promise<readonly Finding[]> {
  const start = performance.now();
  const problem = await new Promise<string | undefined>((resolve) => {
    const socket = connectTcp({ host, port, timeout: remote.timeoutMs });
    const end = (text?: string): void => {
      socket.destroy();
      resolve(text);
    };
    socket.once('connect', () => end());
    socket.once('timeout', () => end(`no answer within ${remote.timeoutMs} ms`));
    socket.once('error', (error) => end(codeOf(error)));
  });
  if (problem === undefined) return [ok(`${remote.id} tcp`, `connected in ${(performance.now() - start).toFixed(1)} ms`)];
  const fix =
    problem === 'ECONNREFUSED'
      ? `Start the region there (receipt-sync serve), or correct the port ${port}`
      : 'Look at firewalls and routes between the regions';
  return [fail(`${remote.id} tcp`, `${host}:${port}: ${problem}`, fix)];
}

async function tls(remote: RemoteSettings, host: string, port: number): Promise<readonly Finding[]> {
  const check = `${remote.id} tls`;
  let ca: string | undefined;
  try {
    ca = remote.caFile === undefined ? undefined : readFileSync(remote.caFile, 'utf8');
  } catch (error) {
    return [fail(check, `caFile ${remote.caFile} can not be read (${codeOf(error)})`, 'Put the PEM of the authority there')];
  }
  return new Promise((resolve) => {
    const trust = ca === undefined ? {} : { ca };
    const socket = connectTls({ host, port, servername: /^[\d.]+$|:/.test(host) ? '' : host, minVersion: 'TLSv1.3', timeout: remote.timeoutMs, ...trust });
    const end = (findings: readonly Finding[]): void => {
      socket.destroy();
      resolve(findings);
    };
    socket.once('secureConnect', () => end(certificate(check, socket)));
    socket.once('timeout', () => end([fail(check, `no handshake within ${remote.timeoutMs} ms`, 'Is it a TLS port? An http:// endpoint has none')]));
    socket.once('error', (error) => end([fail(check, `the handshake failed: ${codeOf(error)}`, tlsFix(codeOf(error)))]));
  });
}

function certificate(check: string, socket: TLSSocket): readonly Finding[] {
  const { valid_to: validTo } = socket.getPeerCertificate();
  const days = Math.floor((Date.parse(validTo) - Date.now()) / DAY_MS);
  const detail = `${socket.getProtocol()}, certificate valid for ${days} more days`;
  return [days < CERTIFICATE_DAYS_WARN ? warn(check, detail, 'Renew it: docs/operate/tls.md') : ok(check, detail)];
}

function tlsFix(code: string): string {
  if (/SELF_SIGNED|UNABLE_TO|DEPTH_ZERO/.test(code)) return 'Set remotes[].caFile to the authority that signed its certificate';
  if (/HAS_EXPIRED|NOT_YET_VALID/.test(code)) return "Renew the certificate there, or set this machine's clock";
  if (/ALTNAME|HOSTNAME/.test(code)) return 'The certificate is for another name: use that name in the endpoint, or have it reissued';
  if (/PROTOCOL|VERSION|EPROTO/.test(code)) return 'It does not speak TLS 1.3, or no TLS at all: see docs/operate/tls.md';
  return 'See docs/operate/tls.md';
}

/** `GET /receipt-sync` says which region answers, and what time it is there. */
async function identity(remote: RemoteSettings, ownId: string): Promise<readonly Finding[]> {
  const check = `${remote.id} identity`;
  const answer = await ask(remote, 'GET');
  if ('problem' in answer) return [fail(check, answer.problem, 'Is that port the peer listener of a region?')];
  const claimed = regionOf(answer.text);
  if (claimed === undefined)
    return [
      warn(
        check,
        `answers HTTP ${answer.status} without naming a region`,
        'Fine for an emitter of the plain protocol; a receipt-sync region would say its name',
      ),
    ];
  if (claimed === ownId) return [fail(check, 'it is this region itself', `Correct remotes[].endpoint of ${remote.id}: a region must not count twice`)];
  if (claimed !== remote.id) return [fail(check, `it says it is ${claimed.slice(0, 64)}`, `Correct remotes[].id or its endpoint: configured is ${remote.id}`)];
  return [ok(check, `it is ${claimed}`), ...clock(remote, answer.dateMs)];
}

function clock(remote: RemoteSettings, dateMs: number): readonly Finding[] {
  if (Number.isNaN(dateMs)) return [];
  const skewMs = dateMs - Date.now();
  const detail = `its clock is ${Math.abs(skewMs) < SKEW_MS_WARN ? 'within 3 s of ours' : `${(skewMs / 1_000).toFixed(0)} s from ours`}`;
  if (Math.abs(skewMs) < SKEW_MS_WARN) return [ok(`${remote.id} clock`, detail)];
  return [warn(`${remote.id} clock`, detail, 'Run NTP on both: safety needs no clock, but recorded_at and the logs are read side by side')];
}

/** An empty batch stores nothing, and is taken only from who may post. */
async function token(remote: RemoteSettings): Promise<readonly Finding[]> {
  const check = `${remote.id} token`;
  const answer = await ask(remote, 'POST');
  if ('problem' in answer) return [fail(check, answer.problem, 'It ended the connection on a POST: look at its log')];
  if (answer.status === 401) {
    const fix =
      remote.tokenFile === undefined
        ? 'Set remotes[].tokenFile to the token it wants (plain.tokenFile there)'
        : 'The token is not the one of plain.tokenFile there';
    return [fail(check, 'it refuses us (401)', fix)];
  }
  if (answer.status === 403) return [fail(check, 'it takes no plain receipts (403)', 'plain.accept is off there')];
  return [ok(check, remote.tokenFile === undefined ? 'it takes receipts from here without a token' : 'it takes our token')];
}

type Asked = { readonly status: number; readonly text: string; readonly dateMs: number } | { readonly problem: string };

async function ask(remote: RemoteSettings, method: 'GET' | 'POST'): Promise<Asked> {
  const url = new URL(remote.endpoint);
  const ca = remote.caFile === undefined ? {} : { ca: readFileSync(remote.caFile, 'utf8') };
  const pool = new Pool(url.origin, { connect: { minVersion: 'TLSv1.3', ...ca } });
  try {
    const bearer = remote.tokenFile === undefined ? {} : { authorization: `Bearer ${readFileSync(remote.tokenFile, 'utf8').split(/\r?\n/, 1)[0]?.trim()}` };
    const response = await pool.request({
      method,
      path: `${url.pathname.replace(/\/+$/, '')}/receipt-sync`,
      headers: { 'content-type': 'application/json', ...bearer },
      body: method === 'POST' ? '[]' : null,
      signal: AbortSignal.timeout(remote.timeoutMs),
    });
    const text = await response.body.text();
    return { status: response.statusCode, text: text.slice(0, 65_536), dateMs: Date.parse(String(response.headers['date'] ?? '')) };
  } catch (error) {
    return { problem: `no answer: ${codeOf(error)}` };
  } finally {
    await pool.destroy();
  }
}

function regionOf(text: string): string | undefined {
  try {
    const { region } = JSON.parse(text);
    return typeof region === 'string' ? region : undefined;
  } catch {
    // Not JSON: it is no region of ours.
    return undefined;
  }
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return codeOf(error.cause);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name === 'TimeoutError' ? 'timeout' : error.message.slice(0, 100);
}
