/**
 * What a reader takes, as data: from it the API's schemas and documentation are made, so that tandem.yaml, `tandem
 * apply` and the API can't disagree about a field.
 *
 * A reader without a shape of its own takes a line of text; what it asks of it stays the reader's secret.
 */

export type Shape =
  | { readonly type: "text"; readonly secret?: boolean; readonly about?: string }
  | { readonly type: "integer"; readonly min: number; readonly max: number; readonly about: string }
  | { readonly type: "yes-no" }
  | { readonly type: "one-of"; readonly choices: readonly string[] }
  | { readonly type: "list"; readonly of: Shape }
  | { readonly type: "fields"; readonly fields: Readonly<Record<string, FieldShape>> }
  /** Any names, each with such a value. */
  | { readonly type: "names"; readonly of: Shape }
  | { readonly type: "either"; readonly shapes: readonly Shape[] };

export interface FieldShape {
  readonly shape: Shape;
  readonly required: boolean;
  /** What is assumed without it; undefined: nothing, or it is worked out of other fields. */
  readonly fallback: unknown;
  readonly about: string;
}

const TEXT: Shape = { type: "text" };
const shapes = new WeakMap<object, () => Shape>();

/** @param shape made when it is asked for: starting doesn't need it */
export function shaped<R extends object>(reader: R, shape: () => Shape): R {
  shapes.set(reader, shape);
  return reader;
}

/** The same reader's shape under another name. */
export const shapedAs = <R extends object>(reader: R, as: object): R => shaped(reader, () => shapeOf(as));

export const shapeOf = (reader: object): Shape => shapes.get(reader)?.() ?? TEXT;
