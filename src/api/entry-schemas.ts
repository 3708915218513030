/**
 * The schemas of resources whose fields are those of tandem.yaml, made of the readers of that file: what those take
 * stands in the OpenAPI file, and what they refuse is refused here with the same words.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { DEFAULT_TENANT } from "#base/ids.ts";
import { HIDDEN, withoutPasswords } from "#config/canonical-entry.ts";
import { fieldsOfKind, findingsOf, typedEntry } from "#config/one-entry.ts";
import { pathText } from "#config/reading.ts";
import type { FieldShape, Shape } from "#config/shape.ts";
import type { Entry, ResourceKind, StoredRecord } from "#config/stored-resources.ts";
import { ApiProblem, type FieldError } from "./problem.ts";

type JsonSchema = Readonly<Record<string, unknown>>;

/** Said of every resource beside its own fields. */
const ABOUT: Readonly<Record<string, JsonSchema>> = {
  tenant: { type: "string", description: "Whose it is. Only who reaches several may say another than his own." },
  managed_by: { type: "string", enum: ["api", "apply", "file"], description: "file: it stands in tandem.yaml and is changed there." },
};

export const keyOfKind = (kind: ResourceKind): "name" | "number" => (kind === "did" ? "number" : "name");

export interface EntrySchemas {
  readonly created: z.ZodType<Entry>;
  readonly changed: z.ZodType<Entry>;
  readonly view: z.ZodType<EntryView>;
}
export type EntryView = Readonly<Record<string, unknown>> & { readonly tenant: string; readonly managed_by: string };

/** @param title as the OpenAPI file names it, "Gateway" */
export function entrySchemas(kind: ResourceKind, title: string): EntrySchemas {
  const fields = fieldsOfKind(kind);
  const properties = mapValues(fields, fieldSchema);
  const required = Object.keys(fields).filter((name) => fields[name]!.required);
  const nullable = mapValues(properties, (schema) => ({ anyOf: [schema, { type: "null" }] }));
  const loose = z.looseObject({});
  return {
    created: loose.meta({ id: `New${title}`, properties, required, additionalProperties: false }),
    changed: loose.meta({
      id: `${title}Change`,
      properties: nullable,
      additionalProperties: false,
      description: "What isn't said stays; null takes a field out.",
    }),
    view: z.looseObject({ tenant: z.string(), managed_by: z.string() }).meta({
      id: title,
      properties: { ...properties, ...ABOUT },
      required: [keyOfKind(kind), "tenant", "managed_by"],
      additionalProperties: false,
    }),
  };
}

const mapValues = <A, B>(of: Readonly<Record<string, A>>, make: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [name, make(value)]));

function fieldSchema({ shape, fallback, about }: FieldShape): JsonSchema {
  const schema = jsonSchema(shape);
  const simple = typeof fallback === "string" || typeof fallback === "number" || typeof fallback === "boolean";
  return {
    ...schema,
    ...(simple && fallback !== "" && { default: fallback }),
    ...(about !== "" && schema["description"] === undefined && { description: about }),
  };
}

function jsonSchema(shape: Shape): JsonSchema {
  switch (shape.type) {
    case "text":
      if (shape.secret === true)
        return { type: "string", description: `Never returned: "${HIDDEN}" stands in its place, and leaves it as it is.` };
      return { type: "string", ...(shape.about !== undefined && { description: shape.about }) };
    case "integer":
      return { type: "integer", minimum: shape.min, maximum: shape.max, description: shape.about };
    case "yes-no":
      return { type: "boolean" };
    case "one-of":
      return { type: "string", enum: [...shape.choices] };
    case "list":
      return { type: "array", items: jsonSchema(shape.of) };
    case "names":
      return { type: "object", additionalProperties: jsonSchema(shape.of) };
    case "fields": {
      const required = Object.keys(shape.fields).filter((name) => shape.fields[name]!.required);
      return {
        type: "object",
        properties: mapValues(shape.fields, fieldSchema),
        ...(required.length > 0 && { required }),
        additionalProperties: false,
      };
    }
    case "either":
      return { anyOf: shape.shapes.map(jsonSchema) };
  }
}

/** As it is shown: in types, without passwords. */
export function viewOf({ kind, tenant, managedBy, body }: StoredRecord): EntryView {
  const entry = typedEntry(kind, withoutPasswords(JSON.parse(body) as Entry));
  return { ...entry, tenant, managed_by: managedBy };
}

/** Strong (RFC 9110 §8.8.1): another content has another one. */
export function etagOf({ kind, name, tenant, managedBy, position, body }: StoredRecord): string {
  const content = JSON.stringify([kind, name, tenant, managedBy, position, body]);
  return `"${createHash("sha256").update(content).digest("base64url").slice(0, 22)}"`;
}

/** RFC 9110 §13.1.1. @throws ApiProblem where somebody read another content */
export function assertMatch(ifMatch: string | undefined, record: StoredRecord): void {
  if (ifMatch === undefined || ifMatch.trim() === "*") return;
  const wanted = ifMatch.split(",").map((one) => one.trim());
  const now = etagOf(record);
  if (!wanted.includes(now))
    throw new ApiProblem("PRECONDITION_FAILED", `${record.name} was changed since you read it; read it again (its ETag is ${now})`);
}

/** @param prefix "items[3]" of a list */
export function entryErrors(kind: ResourceKind, entry: Entry, prefix = ""): readonly FieldError[] {
  const errors: FieldError[] = findingsOf(kind, entry).map(({ path, message, remedy }) => ({
    field: joined(prefix, pathText([...path, ...missingIn(message)])),
    message: remedy === "" ? message : `${message}; ${remedy}`,
  }));
  const key = keyOfKind(kind);
  if (errors.length === 0 && (typeof entry[key] !== "string" || entry[key] === ""))
    errors.push({ field: joined(prefix, key), message: `${key} is one text` });
  return errors;
}

/** The readers tell of a missing field at what lacks it. */
const missingIn = (message: string): readonly string[] => /^([a-z_]+) is missing$/.exec(message)?.slice(1) ?? [];

export const joined = (prefix: string, field: string): string =>
  prefix === "" ? field || "(body)" : field === "" ? prefix : `${prefix}.${field}`;

/** The entry that a body means. `managed_by` may come along, as it does in what was read. */
export function entryOf(body: Entry, tenant: string): Entry {
  const { managed_by: _, tenant: __, ...rest } = body;
  return { ...rest, ...(tenant === DEFAULT_TENANT ? {} : { tenant }) };
}

/** What isn't said stays; null takes a field out. */
export function mergedEntry(entry: Entry, change: Entry): Entry {
  const merged: Record<string, unknown> = { ...entry };
  for (const [field, value] of Object.entries(change)) {
    if (field === "managed_by" || field === "tenant") continue;
    if (value === null) delete merged[field];
    else merged[field] = value;
  }
  return merged;
}
