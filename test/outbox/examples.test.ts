import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../src/cli/demo/region-process.ts';
import { endAll, threeDaemons } from '../e2e/daemon.ts';
import { Regions } from '../regions.ts';
import { startPostgres } from './postgres.ts';

interface Example extends AsyncDisposable {
  pay(id: string, cents: number): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }>;
}

async function start(name: string, env: Readonly<Record<string, string>>): Promise<Example> {
  const [port = 0] = await freePorts(1);
  const file = fileURLToPath(new URL(`../../examples/${name}.ts`, import.meta.url));
  const child: ChildProcess = spawn(process.execPath, ['-C', 'source', file], {
    env: { ...process.env, ...env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout ?? child, 'data');
  assert.match(String(line), /listening/);
  const end = async (): Promise<void> => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const pay: Example['pay'] = async (id, cents) => {
    const response = await fetch(`http://127.0.0.1:${port}/payments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id, cents }),
    });
    return { status: response.status, body: JSON.parse(await response.text()) };
  };
  return { pay, [Symbol.asyncDispose]: end };
}

test('Express, SQLite, the library: paid with a quorum, "not yet" without, and a crash hands over what was committed', async () => {
  await using regions = await Regions.make();
  const west = await regions.receiving('us-west-1');
  const env = { WEST: west.url, EU: 'http://127.0.0.1:9', DATA: join(regions.folder, 'app'), DATABASE: join(regions.folder, 'payments.db') };
  {
    await using app = await start('express-commit-gate', env);
    assert.deepEqual(await app.pay('1', 500), { status: 201, body: { paid: true, regions: 2 } });
    assert.deepEqual((await app.pay('1', 500)).status, 201);
    assert.deepEqual((await app.pay('1', 900)).status, 409);
  }
  {
    await using app = await start('express-commit-gate', { ...env, WEST: 'http://127.0.0.1:9' });
    const { status, body } = await app.pay('2', 700);
    assert.deepEqual([status, body], [503, { paid: false, pending: ['us-west-1', 'eu-west-1'] }]);
  }
  await using app = await start('express-commit-gate', env);
  assert.equal((await app.pay('2', 700)).status, 201);
  assert.equal((await west.manager.getReceipt('payment-2'))?.transactionId, '2');
});

test('Fastify, PostgreSQL, a sidecar: the same', async () => {
  await using regions = await Regions.make();
  await using postgres = await startPostgres();
  const daemons = await threeDaemons(regions.folder, { maxRetries: 1 });
  await Promise.all(daemons.map((daemon) => daemon.start()));
  try {
    await using app = await start('fastify-commit-gate', { SIDECAR: daemons[0]?.localUrl ?? '', DATABASE_URL: postgres.url });
    const paid = await app.pay('1', 500);
    assert.deepEqual([paid.status, paid.body['paid']], [201, true]);
    await Promise.all([daemons[1]?.end('SIGKILL'), daemons[2]?.end('SIGKILL')]);
    assert.equal((await app.pay('2', 700)).status, 503);
    await daemons[1]?.start();
    assert.equal((await app.pay('2', 700)).status, 201);
    // The payment is committed and nobody answers for it: not yet; and another amount must not get its receipt before it.
    await daemons[0]?.end('SIGKILL');
    assert.equal((await app.pay('3', 500)).status, 503);
    await daemons[0]?.start();
    assert.equal((await app.pay('3', 900)).status, 409);
    assert.equal((await app.pay('3', 500)).status, 201);
  } finally {
    await endAll(daemons);
  }
});
