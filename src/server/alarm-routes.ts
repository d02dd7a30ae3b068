import { sendJson } from '../adapters/http/problem.ts';
import { type BodyBudget, mediaOf } from '../adapters/http/request.ts';
import type { Exchange, Route } from '../adapters/http/route.ts';
import { InvalidJsonError, InvalidQueryError, RequestHeaderError } from '../errors.ts';
import type { ReceiptSyncManager } from '../manager.ts';
import type { Alarm } from '../replication/alarms.ts';
import { utf8Text } from '../std/bytes.ts';
import { JsonSyntaxError, parseJson } from '../std/json.ts';
import { rfc3339 } from '../std/time.ts';

/** A reason of 1,000 characters, however they are escaped. */
const BODY_BYTES_MAX = 16 * 1024;
const STATES = ['standing', 'acknowledged'] as const;

/** `GET /api/v1/alarms` and `POST /api/v1/alarms/{id}/acknowledge`: what an operator must look at, and has looked at. */
export function alarmRoutes(manager: ReceiptSyncManager, bodies: BodyBudget): readonly Route[] {
  return [
    { methods: ['GET', 'HEAD'], path: '/api/v1/alarms', handle: (exchange) => sendAlarms(manager, exchange) },
    { methods: ['POST'], path: { before: '/api/v1/alarms/', after: '/acknowledge' }, handle: (exchange, id) => acknowledge(manager, exchange, { id, bodies }) },
  ];
}

/** An alarm as status and listings show it. */
export function alarmJson({ id, alarm, region, message, raisedAtMs, notes, evidence, acknowledged }: Alarm): Readonly<Record<string, unknown>> {
  return {
    id,
    alarm,
    region,
    message,
    raised_at: rfc3339(raisedAtMs),
    checkpoints: notes,
    evidence: evidence === undefined ? null : `evidence/${evidence}.json`,
    acknowledged: acknowledged === undefined ? null : { at: rfc3339(acknowledged.atMs), reason: acknowledged.reason },
  };
}

function sendAlarms(manager: ReceiptSyncManager, { response, query }: Exchange): void {
  for (const name of query.keys()) if (name !== 'state') throw new InvalidQueryError(name, 'is no parameter here; there is state');
  const wanted = query.get('state');
  const state = STATES.find((each) => each === wanted);
  if (wanted !== null && state === undefined) throw new InvalidQueryError('state', `must be one of ${STATES.join(', ')}`);
  const alarms = manager.alarms().filter(({ acknowledged }) => state === undefined || (acknowledged === undefined) === (state === 'standing'));
  sendJson(response, 200, JSON.stringify({ alarms: alarms.map(alarmJson) }));
}

async function acknowledge(
  manager: ReceiptSyncManager,
  { request, response }: Exchange,
  { id, bodies }: { readonly id: string; readonly bodies: BodyBudget },
): Promise<void> {
  // A web page can send no JSON unasked.
  if (mediaOf(request) !== 'json') throw new RequestHeaderError('UNSUPPORTED_MEDIA', 'content-type', 'Content-Type must be application/json');
  const reason = reasonOf(await bodies.read(request, BODY_BYTES_MAX));
  sendJson(response, 200, JSON.stringify(alarmJson(await manager.acknowledgeAlarm(id, reason))));
}

/** `{"reason": "…"}` and nothing else. */
function reasonOf(body: Uint8Array): string {
  const text = utf8Text(body);
  if (text === undefined) throw new InvalidJsonError('The body is not UTF-8', 0);
  const fields = jsonOf(text);
  const reason = fields instanceof Map ? fields.get('reason') : undefined;
  if (!(fields instanceof Map) || fields.size !== 1 || typeof reason !== 'string')
    throw new InvalidQueryError('reason', 'must be there, as text, and nothing else');
  return reason;
}

function jsonOf(text: string): ReturnType<typeof parseJson> {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new InvalidJsonError(error.message, error.offset);
    throw error;
  }
}
