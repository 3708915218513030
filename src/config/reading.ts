/**
 * Reading plain values (what YAML or JSON gave) into typed ones, noting every problem with its path and remedy.
 *
 * A schema is a table of fields; the resulting type follows from it. YAML is read with all scalars as text, so that
 * "+1555…" keeps its plus and "00" its zeros; readers turn text into numbers and booleans. A small reader rather than
 * a schema library: one took 25–65 ms to load, of the half second that a restart of signalling has.
 */
import { type FieldShape, shapeOf, shaped } from "./shape.ts";
import { suggestion } from "./suggest.ts";

export type Path = readonly (string | number)[];

export interface Finding {
  readonly path: Path;
  readonly message: string;
  readonly remedy: string;
}

/** Where we are in the document, and what was found wrong so far. */
export class Reading {
  readonly findings: Finding[] = [];
  readonly #path: (string | number)[] = [];

  note(message: string, remedy: string): undefined {
    this.findings.push({ path: [...this.#path], message, remedy });
    return undefined;
  }
  /** Reads one level deeper. */
  at<T>(key: string | number, value: unknown, read: Reader<T>): T | undefined {
    this.#path.push(key);
    const result = read(value, this);
    this.#path.pop();
    return result;
  }
  noteAt(key: string | number, message: string, remedy: string): void {
    this.findings.push({ path: [...this.#path, key], message, remedy });
  }
}

/** undefined: not readable, and a finding says why. */
export type Reader<T> = (value: unknown, reading: Reading) => T | undefined;

export interface Field<T> {
  readonly read: Reader<T>;
  /** undefined: the field is required, and this is why. */
  readonly fallback: (() => T) | undefined;
  readonly remedy: string;
}

export const required = <T>(read: Reader<T>, remedy: string): Field<T> => ({ read, fallback: undefined, remedy });
export const optional = <T>(read: Reader<T>, fallback: T): Field<T> => ({ read, fallback: () => fallback, remedy: "" });
/** Absent is meaningful: it is worked out later, from other fields. */
export const maybe = <T>(read: Reader<T>): Field<T | undefined> => ({ read, fallback: () => undefined, remedy: "" });

export type Fields = Readonly<Record<string, Field<unknown>>>;
export type Of<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

type Mapping = Readonly<Record<string, unknown>>;

export const isMapping = (value: unknown): value is Mapping => typeof value === "object" && value !== null && !Array.isArray(value);

/** Nothing was written after the colon. */
export const isBlank = (value: unknown): boolean =>
  value === undefined || value === null || value === "" || value === "~" || value === "null";

/**
 * A mapping with exactly these fields. With a problem in any field it is undefined, after all were read.
 * @param elsewhere fields that people look for here: where they belong
 */
export function object<F extends Fields>(fields: F, elsewhere: Readonly<Record<string, string>> = {}): Reader<Of<F>> {
  const names = Object.keys(fields);
  const entries = Object.entries(fields);
  const read: Reader<Of<F>> = (value, reading) => {
    const mapping = isBlank(value) ? {} : value;
    if (!isMapping(mapping)) return reading.note(`${describe(value)} instead of fields`, `fields: ${names.join(", ")}`);
    for (const key of Object.keys(mapping)) {
      if (!Object.hasOwn(fields, key)) reading.noteAt(key, `unknown field ${key}`, elsewhere[key] ?? suggestion(key, names, "field"));
    }
    const before = reading.findings.length;
    const result: Record<string, unknown> = {};
    for (const [key, field] of entries) {
      const given = mapping[key];
      if (given !== undefined && given !== null) result[key] = reading.at(key, given, field.read);
      else if (field.fallback === undefined) reading.note(`${key} is missing`, field.remedy);
      else result[key] = field.fallback();
    }
    return reading.findings.length > before ? undefined : (result as Of<F>);
  };
  return shaped(read, () => ({ type: "fields", fields: shapesOf(fields) }));
}

const shapesOf = (fields: Fields): Readonly<Record<string, FieldShape>> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, { read, fallback, remedy }]) => [
      name,
      { shape: shapeOf(read), required: fallback === undefined, fallback: fallback?.(), about: remedy },
    ]),
  );

/** Items with their place in the list; broken ones are left out. */
export interface Placed<T> {
  readonly index: number;
  readonly value: T;
}

export function placedList<T>(read: Reader<T>): Reader<readonly Placed<T>[]> {
  const readList: Reader<readonly Placed<T>[]> = (value, reading) => {
    if (isBlank(value)) return [];
    if (!Array.isArray(value)) return reading.note(`${describe(value)} instead of a list`, 'one entry a line, each beginning with "- "');
    const items: Placed<T>[] = [];
    for (const [index, item] of value.entries()) {
      const one = reading.at(index, item, read);
      if (one !== undefined) items.push({ index, value: one });
    }
    return items;
  };
  return shaped(readList, () => ({ type: "list", of: shapeOf(read) }));
}

/** A list, or one value standing for a list of one. */
export function listOf<T>(read: Reader<T>): Reader<readonly T[]> {
  const readList: Reader<readonly T[]> = (value, reading) => {
    if (isBlank(value)) return [];
    if (!Array.isArray(value)) {
      const single = read(value, reading);
      return single === undefined ? undefined : [single];
    }
    const before = reading.findings.length;
    const items: T[] = [];
    for (const [index, item] of value.entries()) {
      const one = reading.at(index, item, read);
      if (one !== undefined) items.push(one);
    }
    return reading.findings.length > before ? undefined : items;
  };
  return shaped(readList, () => ({ type: "list", of: shapeOf(read) }));
}

/** A scalar as text; numbers and booleans come so only from JSON. */
export const text: Reader<string> = (value, reading) => {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return reading.note(`${describe(value)} instead of text`, "one value, in quotes if it has special characters");
};

/** Text that fits a pattern. @param remedy what would be right, with an example */
export function textLike(pattern: RegExp, what: string, remedy: string): Reader<string> {
  const read: Reader<string> = (value, reading) => {
    const given = text(value, reading);
    if (given === undefined || pattern.test(given)) return given;
    return reading.note(`${JSON.stringify(given)} is not ${what}`, remedy);
  };
  return shaped(read, () => ({ type: "text", about: `${what}: ${remedy}` }));
}

export function integer(min: number, max: number, what: string): Reader<number> {
  const remedy = `${what}: ${min} to ${max}`;
  const read: Reader<number> = (value, reading) => {
    const given = typeof value === "string" && /^-?[0-9]{1,15}$/.test(value) ? Number(value) : value;
    if (typeof given !== "number" || !Number.isInteger(given)) return reading.note(`${describe(value)} is not a whole number`, remedy);
    return given < min || given > max ? reading.note(`${given} is out of range`, remedy) : given;
  };
  return shaped(read, () => ({ type: "integer", min, max, about: what }));
}

export const yesNo: Reader<boolean> = shaped(
  (value: unknown, reading: Reading) => {
    const word = String(value).toLowerCase();
    if (word === "yes" || word === "true" || word === "on") return true;
    if (word === "no" || word === "false" || word === "off") return false;
    return reading.note(`${describe(value)} is neither yes nor no`, "yes or no");
  },
  () => ({ type: "yes-no" }),
);

export function oneOf<const T extends string>(choices: readonly T[]): Reader<T> {
  const read: Reader<T> = (value, reading) => {
    const found = choices.find((choice) => choice === value);
    return found ?? reading.note(`${describe(value)} is not one of ${choices.join(", ")}`, suggestion(String(value), choices, "choice"));
  };
  return shaped(read, () => ({ type: "one-of", choices }));
}

/** A value in a message: short, and never a whole section. */
export function describe(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (isMapping(value)) return "a group of fields";
  if (isBlank(value)) return "nothing";
  const shown = JSON.stringify(value) ?? "nothing";
  return shown.length > 60 ? `${shown.slice(0, 57)}…"` : shown;
}

/** "gateways[2].uri" */
export const pathText = (path: Path): string =>
  path.reduce<string>((shown, key) => (typeof key === "number" ? `${shown}[${key}]` : shown === "" ? key : `${shown}.${key}`), "");
