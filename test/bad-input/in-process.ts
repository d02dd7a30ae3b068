import { resolve } from 'node:path';
import { loadConfig, toMultiRegionConfig } from '../../src/config/load.ts';
import { InvalidConfigError, InvalidJsonError, InvalidReceiptError, ReceiptSyncError } from '../../src/errors.ts';
import { receiptFromJson, receiptsFromJsonArray, startsArray } from '../../src/receipt/wire.ts';
import { utf8Text } from '../../src/std/bytes.ts';
import type { BodyCase } from './cases/case.ts';
import type { ConfigCase } from './cases/configs.ts';

/** What the parser makes of a bad body: the code, or a word for what must not be. */
export function parsed({ body }: BodyCase): string {
  const text = utf8Text(body);
  if (text === undefined) return 'INVALID_JSON';
  try {
    if (!startsArray(text)) receiptFromJson(text);
    else if (receiptsFromJsonArray(text, 8_192).some((item) => !(item instanceof InvalidReceiptError))) return 'accepted';
    else return 'INVALID_RECEIPT';
    return 'accepted';
  } catch (error) {
    if (error instanceof InvalidReceiptError || error instanceof InvalidJsonError) return error.code;
    return error instanceof ReceiptSyncError ? error.code : `threw ${String(error)}`;
  }
}

/** What loading makes of a bad configuration: undefined if all is as it should be, else what is not. */
export function loaded({ text, env = {}, sets = [], names }: ConfigCase): string | undefined {
  try {
    const file = text === undefined ? {} : { file: { name: 'c.yaml', text, folder: '/etc/receipt-sync' } };
    const config = loadConfig({ ...file, env, sets, cwd: '/', resolve });
    toMultiRegionConfig(config).validate();
    return 'accepted';
  } catch (error) {
    if (!(error instanceof InvalidConfigError)) return `threw ${String(error)}`;
    if (error.issues.length === 0 || error.issues.some(({ message }) => message === '')) return 'says nothing';
    return names.test(error.message) ? undefined : `does not name it: ${error.message.slice(0, 200)}`;
  }
}
