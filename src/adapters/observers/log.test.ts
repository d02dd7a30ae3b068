import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogObserver } from './log-observer.ts';

function observer(format: 'text' | 'json' = 'text'): { readonly log: LogObserver; readonly text: () => string } {
  let text = '';
  const log = new LogObserver({ level: 'info', format, write: (chunk) => (text += chunk) });
  return {
    log,
    text: () => {
      log.flush();
      return text;
    },
  };
}

test('a line is as the source prints it, and no id can begin one of its own', () => {
  const { log, text } = observer();
  log.observe({ kind: 'delivered', receiptId: 'a\nb\u001b[31m', region: 'us-west-1', attempt: 1 });
  assert.match(text(), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO: Receipt a\\u000ab\\u001b\[31m successfully synced to region: us-west-1\n$/);
});

test('JSON lines have the same message, and the facts as fields', () => {
  const { log, text } = observer('json');
  log.observe({ kind: 'region-unavailable', region: 'us-west-1', failureCount: 3 });
  const { time: _, ...line } = JSON.parse(text());
  assert.deepEqual(line, {
    level: 'warn',
    msg: 'Region us-west-1 marked as unavailable (failure_count: 3)',
    event: 'region-unavailable',
    region: 'us-west-1',
    failureCount: 3,
  });
});

test('above a hundred receipts a second their lines are debug, and warnings about regions still come', () => {
  const { log, text } = observer();
  for (let n = 0; n < 1_000; n += 1) log.observe({ kind: 'accepted', receiptId: `r${n}`, remotes: 2, threshold: 2 });
  log.observe({ kind: 'region-unavailable', region: 'us-west-1', failureCount: 3 });
  const lines = text().trim().split('\n');
  assert.ok(lines.length > 50 && lines.length < 150, `${lines.length} lines`);
  assert.match(lines.at(-1) ?? '', /marked as unavailable/);
});

test('levels below the chosen one are not written', () => {
  const { log, text } = observer();
  log.setLevel('error');
  log.observe({ kind: 'region-unavailable', region: 'us-west-1', failureCount: 3 });
  assert.equal(text(), '');
});
