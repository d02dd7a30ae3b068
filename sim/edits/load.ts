import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { EDIT_VARIABLE, type Edit, edited } from './edit.ts';

/** The files that were loaded edited, in this process. */
export const loaded: Set<string> = new Set();

const told = process.env[EDIT_VARIABLE];
if (told !== undefined) {
  const edit: Edit = JSON.parse(told);
  const { href } = new URL(`../../${edit.file}`, import.meta.url);
  registerHooks({
    load: (url, context, next) => {
      if (url !== href) return next(url, context);
      loaded.add(edit.file);
      return { format: 'module-typescript', source: edited(readFileSync(fileURLToPath(url), 'utf8'), edit), shortCircuit: true };
    },
  });
}
