/** Nesting that we take (CONTRACT §4). */
export const JSON_DEPTH_MAX = 8;

/** Text that is not JSON as we take it. `offset` in UTF-16 units. Rooms above make their own errors of it. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  readonly offset: number;

  constructor(problem: string, offset: number) {
    super(problem);
    this.offset = offset;
  }
}

/** A number as it was written: JSON.parse would round what a u64 holds. */
export class JsonNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

/** Objects are Maps, so that no key can reach a prototype. */
export type JsonValue = null | boolean | string | JsonNumber | readonly JsonValue[] | ReadonlyMap<string, JsonValue>;

/** Strict RFC 8259: no duplicate keys, no lone surrogates, nesting ≤ 8, nothing after the value. Throws JsonSyntaxError. */
export function parseJson(text: string): JsonValue {
  const reader = new JsonReader(text);
  const value = reader.value(1);
  reader.end();
  return value;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

/** A cursor over JSON text: what the receipt scanner and {@link parseJson} are made of. */
export class JsonReader {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  fail(problem: string, offset: number = this.at): never {
    throw new JsonSyntaxError(problem, offset);
  }

  /** Code of the next character that is not white space; NaN at the end. */
  peek(): number {
    let code = this.text.charCodeAt(this.at);
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
      this.at += 1;
      code = this.text.charCodeAt(this.at);
    }
    return code;
  }

  /** Takes this character, or says what was expected. */
  take(code: number): void {
    if (this.peek() !== code) this.fail(Number.isNaN(this.peek()) ? 'Unexpected end' : `Expected "${String.fromCharCode(code)}"`);
    this.at += 1;
  }

  /** Takes the character if it is next. */
  takeIf(code: number): boolean {
    if (this.peek() !== code) return false;
    this.at += 1;
    return true;
  }

  end(): void {
    if (!Number.isNaN(this.peek())) this.fail('Unexpected text after the value');
  }

  /** Any value; `depth` is that of the value itself, 1 at the top. */
  value(depth: number): JsonValue {
    switch (this.peek()) {
      case 0x7b:
        return this.#object(depth);
      case 0x5b:
        return this.#array(depth);
      case QUOTE:
        return this.wellFormed();
      case 0x74:
        return this.literal('true', true);
      case 0x66:
        return this.literal('false', false);
      case 0x6e:
        return this.literal('null', null);
      default:
        return new JsonNumber(this.number());
    }
  }

  /** A string without lone surrogates. */
  wellFormed(): string {
    const start = this.at;
    const text = this.string();
    return text.isWellFormed() ? text : this.fail('Lone surrogate', start);
  }

  /** A string; it may hold lone surrogates if they were escaped. */
  string(): string {
    this.take(QUOTE);
    const { text } = this;
    const start = this.at;
    for (let at = start; ; at += 1) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.at = at + 1;
        return text.slice(start, at);
      }
      if (code === BACKSLASH) return this.#escaped(start, at);
      if (!(code >= 0x20)) this.fail(Number.isNaN(code) ? 'Unterminated string' : 'Control character in a string', at);
    }
  }

  /** A number's source text. */
  number(): string {
    this.peek();
    NUMBER.lastIndex = this.at;
    const source = NUMBER.exec(this.text)?.[0];
    if (source === undefined) return this.fail(this.at >= this.text.length ? 'Unexpected end' : 'Unexpected character');
    this.at += source.length;
    return source;
  }

  literal<T>(word: string, value: T): T {
    this.peek();
    if (!this.text.startsWith(word, this.at)) this.fail('Unexpected character');
    this.at += word.length;
    return value;
  }

  /** Takes an object's members; `member` must take the value. Keys are handed over as they come, doubled or not. */
  members(depth: number, member: (key: string, keyOffset: number) => void): void {
    if (depth > JSON_DEPTH_MAX) this.fail(`Nested deeper than ${JSON_DEPTH_MAX}`);
    this.take(0x7b);
    if (this.takeIf(0x7d)) return;
    do {
      this.peek();
      const offset = this.at;
      const key = this.string();
      this.take(0x3a);
      member(key, offset);
    } while (this.takeIf(0x2c));
    this.take(0x7d);
  }

  /** Takes an array's items; `item` must take the value. */
  items(depth: number, item: () => void): void {
    if (depth > JSON_DEPTH_MAX) this.fail(`Nested deeper than ${JSON_DEPTH_MAX}`);
    this.take(0x5b);
    if (this.takeIf(0x5d)) return;
    do item();
    while (this.takeIf(0x2c));
    this.take(0x5d);
  }

  #object(depth: number): ReadonlyMap<string, JsonValue> {
    const members = new Map<string, JsonValue>();
    this.members(depth, (key, offset) => {
      if (members.has(key)) this.fail('Duplicate key', offset);
      members.set(key, this.value(depth + 1));
    });
    return members;
  }

  #array(depth: number): readonly JsonValue[] {
    const items: JsonValue[] = [];
    this.items(depth, () => items.push(this.value(depth + 1)));
    return items;
  }

  /** The rest of a string from its first escape at `at` on. */
  #escaped(start: number, at: number): string {
    const { text } = this;
    let out = text.slice(start, at);
    let from = at;
    while (true) {
      const code = text.charCodeAt(from);
      if (code === QUOTE) break;
      if (!(code >= 0x20)) this.fail(Number.isNaN(code) ? 'Unterminated string' : 'Control character in a string', from);
      if (code !== BACKSLASH) {
        out += text[from];
        from += 1;
        continue;
      }
      const letter = text[from + 1] ?? '';
      const hex = text.slice(from + 2, from + 6);
      if (letter === 'u' && /^[0-9a-fA-F]{4}$/.test(hex)) {
        out += String.fromCharCode(Number.parseInt(hex, 16));
        from += 6;
        continue;
      }
      out += ESCAPES[letter] ?? this.fail('Bad escape', from);
      from += 2;
    }
    this.at = from + 1;
    return out;
  }
}
