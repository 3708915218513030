/**
 * What an SQL dump holds: the rows of its INSERT and REPLACE statements, as mysqldump, mariadb-dump and people
 * write them (extended inserts, with and without column lists, quotes, escapes, executable comments).
 *
 * Deliberately no SQL engine: UPDATE and DELETE are named in `unread`, not carried out; expressions stay text.
 */

export interface SqlRow {
  /** 1-based, of the tuple. */
  readonly line: number;
  /** By column name, lower case. null: SQL NULL. Absent: not said, or DEFAULT. */
  readonly values: ReadonlyMap<string, string | null>;
}

export interface SqlDump {
  /** By table name, lower case, without its database. */
  readonly tables: ReadonlyMap<string, readonly SqlRow[]>;
  /** Statements that would change what was read, and what could not be understood. */
  readonly unread: readonly { readonly line: number; readonly what: string }[];
}

type Kind = "word" | "name" | "text" | "number" | "mark" | "end";
interface Token {
  readonly kind: Kind;
  readonly text: string;
  readonly at: number;
}

/** Blanks and comments. An executable comment of a dump holds only settings. */
const BLANK = /(?:[\s\uFEFF]+|--(?=[\s]|$)[^\n]*|#[^\n]*|\/\*[\s\S]*?(?:\*\/|$))+/y;
const WORD = /[A-Za-z_$@][\w$@]*/y;
const NUMBER = /[-+]?(?:0x[0-9A-Fa-f]+|[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+)/y;
const ESCAPES: Readonly<Record<string, string>> = { "0": "\0", b: "\b", n: "\n", r: "\r", t: "\t", Z: "\x1a" };
/** Words that begin a part of CREATE TABLE which is no column. */
const NO_COLUMN = new Set(["PRIMARY", "KEY", "UNIQUE", "INDEX", "CONSTRAINT", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK", "PERIOD"]);

class Reader {
  readonly #sql: string;
  #at = 0;
  #lineAt = 0;
  #line = 1;

  constructor(sql: string) {
    this.#sql = sql;
  }

  next(): Token {
    this.#match(BLANK);
    const at = this.#at;
    const first = this.#sql[at];
    if (first === undefined) return { kind: "end", text: "", at };
    if (first === "'" || first === '"' || first === "`") return { kind: first === "'" ? "text" : "name", text: this.#quoted(first), at };
    const word = this.#match(WORD);
    if (word !== undefined) return { kind: "word", text: word, at };
    const number = this.#match(NUMBER);
    if (number !== undefined) return { kind: "number", text: number, at };
    this.#at++;
    return { kind: "mark", text: first, at };
  }

  /** Called with growing positions, so that a dump of 100,000 rows is gone through once. */
  lineOf(at: number): number {
    for (; this.#lineAt < at; this.#lineAt++) if (this.#sql.charCodeAt(this.#lineAt) === 10) this.#line++;
    return this.#line;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#sql)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #quoted(quote: string): string {
    const sql = this.#sql;
    let text = "";
    let from = ++this.#at;
    for (; this.#at < sql.length; this.#at++) {
      const char = sql[this.#at];
      if (char === "\\" && quote !== "`") {
        const escaped = sql[this.#at + 1] ?? "";
        text += sql.slice(from, this.#at) + (ESCAPES[escaped] ?? escaped);
        from = ++this.#at + 1;
      } else if (char === quote) {
        if (sql[this.#at + 1] !== quote) break;
        text += sql.slice(from, this.#at + 1);
        from = ++this.#at + 1;
      }
    }
    text += sql.slice(from, this.#at++);
    return text;
  }
}

export function readSqlDump(sql: string): SqlDump {
  const reader = new Reader(sql);
  const columns = new Map<string, readonly string[]>();
  const tables = new Map<string, SqlRow[]>();
  const unread: { line: number; what: string }[] = [];
  for (let token = reader.next(); token.kind !== "end"; token = reader.next()) {
    const verb = token.text.toUpperCase();
    const line = reader.lineOf(token.at);
    let last: Token;
    if (verb === "CREATE") last = readCreate(reader, columns);
    else if (verb === "INSERT" || verb === "REPLACE") {
      last = readInsert(reader, columns, tables, (what) => unread.push({ line, what }));
    } else if (verb === "UPDATE" || verb === "DELETE") {
      unread.push({ line, what: `${verb} is not carried out: dump the database after it` });
      last = reader.next();
    } else last = token;
    skipStatement(reader, last);
  }
  return { tables, unread };
}

function skipStatement(reader: Reader, last: Token): void {
  for (let token = last; token.kind !== "end" && token.text !== ";"; ) token = reader.next();
}

/** "`kamailio`.`dispatcher`" → "dispatcher", and the token after it. */
function readName(reader: Reader, first: Token): { readonly name: string; readonly next: Token } {
  let name = first.text;
  let next = reader.next();
  while (next.kind === "mark" && next.text === ".") {
    name = reader.next().text;
    next = reader.next();
  }
  return { name: name.toLowerCase(), next };
}

function readCreate(reader: Reader, columns: Map<string, readonly string[]>): Token {
  let token = reader.next();
  while (token.kind === "word" && /^(TEMPORARY|OR|REPLACE)$/i.test(token.text)) token = reader.next();
  if (!/^TABLE$/i.test(token.text)) return token;
  token = reader.next();
  while (token.kind === "word" && /^(IF|NOT|EXISTS)$/i.test(token.text)) token = reader.next();
  const { name, next } = readName(reader, token);
  if (next.text !== "(") return next;
  const names: string[] = [];
  let depth = 1;
  let expected = true;
  for (token = reader.next(); token.kind !== "end" && depth > 0; token = reader.next()) {
    if (token.kind === "mark") {
      if (token.text === "(") depth++;
      else if (token.text === ")") depth--;
      else if (token.text === "," && depth === 1) expected = true;
    } else if (expected) {
      expected = false;
      if (token.kind === "name" || !NO_COLUMN.has(token.text.toUpperCase())) names.push(token.text.toLowerCase());
    }
  }
  columns.set(name, names);
  return token;
}

function readInsert(
  reader: Reader,
  columns: ReadonlyMap<string, readonly string[]>,
  tables: Map<string, SqlRow[]>,
  note: (what: string) => void,
): Token {
  let token = reader.next();
  while (token.kind === "word" && /^(LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE|INTO)$/i.test(token.text)) token = reader.next();
  const named = readName(reader, token);
  const { name } = named;
  token = named.next;
  let order = columns.get(name);
  if (token.text === "(") {
    const names: string[] = [];
    for (token = reader.next(); token.kind !== "end" && token.text !== ")"; token = reader.next()) {
      if (token.kind !== "mark") names.push(token.text.toLowerCase());
    }
    order = names;
    token = reader.next();
  }
  if (!/^VALUES?$/i.test(token.text)) {
    note(`INSERT INTO ${name} without VALUES is not read`);
    return token;
  }
  if (order === undefined) {
    note(`INSERT INTO ${name} names no columns, and its CREATE TABLE isn't before it`);
    return token;
  }
  const rows = tables.get(name) ?? [];
  tables.set(name, rows);
  token = reader.next();
  while (token.text === "(" && token.kind === "mark") {
    const line = reader.lineOf(token.at);
    const values = new Map<string, string | null>();
    for (let i = 0; ; i++) {
      const value = readValue(reader);
      const column = order[i];
      if (value.value !== undefined && column !== undefined) values.set(column, value.value);
      token = value.next;
      if (token.text !== "," || token.kind !== "mark") break;
    }
    if (token.text !== ")") {
      note(`the rows of ${name} end in the middle of one`);
      return token;
    }
    rows.push({ line, values });
    token = reader.next();
    if (token.text === "," && token.kind === "mark") token = reader.next();
  }
  return token;
}

/** One value and the token after it. undefined: DEFAULT. */
function readValue(reader: Reader): { readonly value: string | null | undefined; readonly next: Token } {
  let token = reader.next();
  // A character set before a string: _binary 'x', N'x'.
  if (token.kind === "word" && /^(_\w+|N|E)$/i.test(token.text)) token = reader.next();
  const plain = token.kind === "text" || token.kind === "number" || token.kind === "name";
  const first = token;
  let depth = 0;
  let expression = token.text;
  for (token = reader.next(); token.kind !== "end"; token = reader.next()) {
    if (token.kind === "mark") {
      if (depth === 0 && (token.text === "," || token.text === ")" || token.text === ";")) break;
      if (token.text === "(") depth++;
      else if (token.text === ")") depth--;
    }
    expression += token.text;
  }
  if (plain) return { value: first.text, next: token };
  const word = expression.toUpperCase();
  if (word === "NULL") return { value: null, next: token };
  return { value: word === "DEFAULT" ? undefined : expression, next: token };
}
