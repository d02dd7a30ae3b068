/** A column: its head, and whether it gives way where the line is too long. */
export interface Column {
  readonly head: string;
  readonly align?: 'right';
  /** Cut with an ellipsis down to this width where the table is too wide. */
  readonly shrinkTo?: number;
}

const WIDTH_DEFAULT = 80;
const GAP = 2;

/** Width for tables: the terminal's, or 80 where there is none. */
export function tableWidth(): number {
  return process.stdout.isTTY ? Math.max(40, process.stdout.columns) : WIDTH_DEFAULT;
}

/** Lines of a table no wider than `width`, where its columns let it. What could move the cursor is shown as `\u001b`. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], width: number = tableWidth()): readonly string[] {
  const cells = [columns.map(({ head }) => head), ...rows.map((row) => row.map(printable))];
  const widths = fitted(
    columns,
    columns.map((_, n) => cells.reduce((widest, row) => Math.max(widest, [...(row[n] ?? '')].length), 0)),
    width,
  );
  return cells.map((row) =>
    row
      .map((cell, n) => padded(cell, widths[n] ?? 0, columns[n]))
      .join(' '.repeat(GAP))
      .trimEnd(),
  );
}

function fitted(columns: readonly Column[], widths: readonly number[], width: number): readonly number[] {
  let over = widths.reduce((sum, each) => sum + each, GAP * (widths.length - 1)) - width;
  const fitting = [...widths];
  // The last ones give way first: what a row is about stands in front.
  for (let n = widths.length - 1; n >= 0 && over > 0; n -= 1) {
    const each = widths[n] ?? 0;
    const given = Math.min(over, Math.max(0, each - (columns[n]?.shrinkTo ?? each)));
    fitting[n] = each - given;
    over -= given;
  }
  return fitting;
}

function padded(cell: string, width: number, column: Column | undefined): string {
  const characters = [...cell];
  const shown = characters.length > width ? `${characters.slice(0, Math.max(0, width - 1)).join('')}…` : cell;
  const gap = ' '.repeat(Math.max(0, width - [...shown].length));
  return column?.align === 'right' ? gap + shown : shown + gap;
}

/** Nothing that came from elsewhere moves a cursor or colours a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
}
