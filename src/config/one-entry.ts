/**
 * One resource by itself: whether it reads as an entry of tandem.yaml, and its values in their types rather than as
 * text. The same readers that the file goes through; what entries say about each other is for applying to find.
 */
import { didKey } from "#routing/snapshot-index.ts";
import { type Finding, Reading, isMapping } from "./reading.ts";
import { SECTION_READERS } from "./schema.ts";
import { type FieldShape, type Shape, shapeOf } from "./shape.ts";
import { type Entry, type ResourceKind, SECTION_OF_KIND } from "./stored-resources.ts";

type FieldShapes = Readonly<Record<string, FieldShape>>;
const known = new Map<ResourceKind, FieldShapes>();

/** A DID is one number: several in one entry are several resources. */
export function fieldsOfKind(kind: ResourceKind): FieldShapes {
  let fields = known.get(kind);
  if (fields === undefined) known.set(kind, (fields = shapesOfKind(kind)));
  return fields;
}

function shapesOfKind(kind: ResourceKind): FieldShapes {
  const list = shapeOf(SECTION_READERS[SECTION_OF_KIND[kind]].read);
  const entry = list.type === "list" ? list.of : list;
  if (entry.type !== "fields") return {};
  if (kind !== "did") return entry.fields;
  const number: FieldShape = {
    shape: { type: "text", about: '"+15551234567", "+4930*" for all that begin so, or a name such as ai' },
    required: true,
    fallback: undefined,
    about: "",
  };
  return { ...entry.fields, number };
}

/** As the store names it: numbers have several spellings. */
export const keyOf = (kind: ResourceKind, name: string): string => (kind === "did" ? didKey(name) : name);

/** What is wrong with an entry, each with its path in it. */
export function findingsOf(kind: ResourceKind, entry: Entry): readonly Finding[] {
  const reading = new Reading();
  SECTION_READERS[SECTION_OF_KIND[kind]].read([entry], reading);
  return reading.findings.map(({ path, ...rest }) => ({ path: path.slice(1), ...rest }));
}

/** Scalars become numbers and booleans where the field is one, a list that was written as one value a list. */
export function typedEntry(kind: ResourceKind, entry: Entry): Record<string, unknown> {
  return typedFields(entry, fieldsOfKind(kind));
}

function typedFields(entry: Entry, fields: FieldShapes): Record<string, unknown> {
  const typed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(entry)) {
    const field = fields[name];
    if (value !== undefined && value !== null) typed[name] = field === undefined ? value : typedValue(value, field.shape);
  }
  return typed;
}

function typedValue(value: unknown, shape: Shape): unknown {
  switch (shape.type) {
    case "integer":
      return /^-?[0-9]{1,15}$/.test(String(value)) ? Number(value) : value;
    case "yes-no":
      return /^(yes|true|on)$/i.test(String(value)) ? true : /^(no|false|off)$/i.test(String(value)) ? false : value;
    case "list":
      return (Array.isArray(value) ? (value as readonly unknown[]) : value === "" ? [] : [value]).map((one) => typedValue(one, shape.of));
    case "fields":
      return isMapping(value) ? typedFields(value, shape.fields) : value;
    case "names":
      return isMapping(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, typedValue(one, shape.of)])) : value;
    case "either": {
      const fit = shape.shapes.find((one) => (one.type === "fields") === isMapping(value));
      return fit === undefined ? value : typedValue(value, fit);
    }
    case "text":
    case "one-of":
      return typeof value === "string" || isMapping(value) || Array.isArray(value) ? value : String(value);
  }
}
