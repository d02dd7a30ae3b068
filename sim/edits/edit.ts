/** One change of a source file, made when the module is loaded: the file on disk stays as it is. */
export interface Edit {
  /** Path in the repository: `src/…`. */
  readonly file: string;
  /** Offsets into the file's text, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** What stands there; another text means that the file has changed since. */
  readonly before: string;
  readonly after: string;
}

/** By this variable a process, its workers and its children are told of the edit they run with. */
export const EDIT_VARIABLE = 'SIM_EDIT';

/** The text with the edit made. Throws where it is not the text that the edit was made for. */
export function edited(text: string, { file, start, end, before, after }: Edit): string {
  if (text.slice(start, end) !== before) throw new Error(`${file} is not what the edit was made for: ${before.slice(0, 80)}`);
  return text.slice(0, start) + after + text.slice(end);
}

/** The edit that puts `replace` in the place of `find`. Throws unless that stands there exactly once. */
export function editOf(text: string, { file, find, replace }: { readonly file: string; readonly find: string; readonly replace: string }): Edit {
  const start = text.indexOf(find);
  const places = text.split(find).length - 1;
  if (places !== 1 || find === '') throw new Error(`${file} has ${places} times, not once: ${find.slice(0, 120)}`);
  return { file, start, end: start + find.length, before: find, after: replace };
}
