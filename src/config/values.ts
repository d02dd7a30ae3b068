import { unreachable } from '../std/assert.ts';
import { durationMs } from '../std/duration.ts';
import type { OptionType } from './options.ts';

/** A setting's value: durations in ms, paths still as written. */
export type Value = string | number | boolean;

/** Where a value came from, for messages and for relative paths. */
export interface Setting {
  readonly value: Value;
  /** `config.yaml:3:5`, a variable's name, or a flag. */
  readonly source: string;
  readonly from: 'file' | 'env' | 'flag' | 'default';
}

/** The value of a YAML scalar, or what it should have been. */
export function valueOfYaml(type: OptionType, raw: unknown): { readonly value: Value } | { readonly wanted: string } {
  switch (type.kind) {
    case 'string':
    case 'path':
      return typeof raw === 'string' && raw !== '' ? { value: raw } : { wanted: 'text' };
    case 'integer':
      return typeof raw === 'number' && Number.isInteger(raw) && raw >= type.min && raw <= type.max ? { value: raw } : { wanted: wantedInteger(type) };
    case 'boolean':
      return typeof raw === 'boolean' ? { value: raw } : { wanted: 'true or false' };
    case 'duration': {
      const ms = durationMs(raw);
      return ms === undefined ? { wanted: 'a duration such as 500ms, 5s or 1m' } : { value: ms };
    }
    case 'choice':
      return typeof raw === 'string' && type.choices.includes(raw) ? { value: raw } : { wanted: `one of ${type.choices.join(', ')}` };
    default:
      return unreachable(type);
  }
}

/** The value of text from a variable or a flag. */
export function valueOfText(type: OptionType, text: string): { readonly value: Value } | { readonly wanted: string } {
  const word = text.trim();
  if (type.kind === 'integer') return valueOfYaml(type, /^[0-9]{1,16}$/.test(word) ? Number(word) : word);
  if (type.kind === 'duration') return valueOfYaml(type, /^[0-9]{1,16}$/.test(word) ? Number(word) : word);
  if (type.kind !== 'boolean') return valueOfYaml(type, word);
  const known: ReadonlyMap<string, boolean> = new Map([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
  ]);
  return valueOfYaml(type, known.get(word.toLowerCase()) ?? word);
}

function wantedInteger(type: OptionType & { readonly kind: 'integer' }): string {
  if (type.min === type.max) return String(type.min);
  return type.max === Number.MAX_SAFE_INTEGER ? `a whole number from ${type.min} on` : `a whole number from ${type.min} to ${type.max}`;
}
