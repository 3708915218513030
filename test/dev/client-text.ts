/**
 * The typed client's generated file as text: what each operation of the OpenAPI file takes and answers. Only what goes
 * well has a type: what is refused is a problem (RFC 9457) everywhere. Covers what the API's own file has of JSON
 * Schema, and says `unknown` to the rest.
 */

type Schema = Readonly<Record<string, unknown>>;
interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}
interface Parameter {
  readonly in: string;
  readonly name: string;
  readonly required?: boolean;
  readonly schema?: Schema;
}
interface Operation {
  readonly operationId?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Content;
  readonly responses?: Readonly<Record<string, Content>>;
}
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

const HEADING =
  "/** What each operation of the API takes and answers. Made by `./dev client` of the OpenAPI file; long because the API is. */";

export function clientText({ paths, components }: OpenApi): string {
  const operations = Object.entries(paths)
    .flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })))
    .filter(({ operation }) => operation.operationId !== undefined)
    .sort((a, b) => (a.operation.operationId! < b.operation.operationId! ? -1 : 1));
  const types = operations.map(({ operation }) => `  readonly ${key(operation.operationId!)}: ${operationType(operation)};`);
  const schemas = schemasOf(types.join("\n"), components?.schemas ?? {});
  return [
    HEADING,
    "",
    "export interface Schemas {",
    ...schemas,
    "}",
    "",
    "export interface Operations {",
    ...types,
    "}",
    "",
    "/** Method and path of each. */",
    "export const ROUTES = {",
    ...operations.map(
      ({ path, method, operation }) => `  ${key(operation.operationId!)}: [${JSON.stringify(method)}, ${JSON.stringify(path)}],`,
    ),
    "} as const satisfies Readonly<Record<keyof Operations, readonly [method: string, path: string]>>;",
    "",
  ].join("\n");
}

/** Those that are named, and those that they name. */
function schemasOf(text: string, all: Readonly<Record<string, Schema>>): readonly string[] {
  const made = new Map<string, string>();
  const take = (from: string): void => {
    for (const [, name] of from.matchAll(/Schemas\["([^"]+)"\]/g)) {
      if (made.has(name!)) continue;
      const type = typeOf(all[name!] ?? {});
      made.set(name!, type);
      take(type);
    }
  };
  take(text);
  return [...made].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, type]) => `  readonly ${key(name)}: ${type};`);
}

function operationType({ parameters = [], requestBody, responses = {} }: Operation): string {
  const group = (where: string): string => {
    const of = parameters.filter((one) => one.in === where);
    return of.length === 0
      ? "object"
      : `{ ${of.map(({ name, required, schema }) => `readonly ${key(name)}${required === true ? "" : "?"}: ${typeOf(schema ?? {})}${required === true ? "" : " | undefined"}`).join("; ")} }`;
  };
  const good = Object.keys(responses).find((status) => status.startsWith("2"));
  const answer = good === undefined ? undefined : schemaIn(responses[good]!);
  const body = requestBody === undefined ? "undefined" : typeOf(schemaIn(requestBody) ?? {});
  return `{ readonly path: ${group("path")}; readonly query: ${group("query")}; readonly body: ${body}; readonly answer: ${answer === undefined ? "null" : typeOf(answer)} }`;
}

const schemaIn = ({ content }: Content): Schema | undefined => Object.values(content ?? {})[0]?.schema;
const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

function typeOf(schema: Schema): string {
  const { $ref, const: constant, enum: choices, anyOf, oneOf, allOf, type } = schema;
  if (typeof $ref === "string") return `Schemas[${JSON.stringify($ref.split("/").at(-1))}]`;
  if (constant !== undefined) return JSON.stringify(constant);
  if (Array.isArray(choices)) return choices.map((one) => JSON.stringify(one)).join(" | ");
  const either = (anyOf ?? oneOf) as readonly Schema[] | undefined;
  if (either !== undefined) return [...new Set(either.map(typeOf))].join(" | ");
  if (allOf !== undefined) return (allOf as readonly Schema[]).map(typeOf).join(" & ");
  if (Array.isArray(type)) return [...new Set(type.map((one: unknown) => typeOf({ ...schema, type: one })))].join(" | ");
  switch (type) {
    case "string":
      return "string";
    case "integer":
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    case "null":
      return "null";
    case "array":
      return `readonly (${typeOf((schema["items"] ?? {}) as Schema)})[]`;
    case "object":
      return objectType(schema);
    default:
      return "unknown";
  }
}

function objectType(schema: Schema): string {
  const required = (schema["required"] ?? []) as readonly string[];
  const fields = Object.entries((schema["properties"] ?? {}) as Readonly<Record<string, Schema>>).map(([name, field]) =>
    required.includes(name) ? `readonly ${key(name)}: ${typeOf(field)}` : `readonly ${key(name)}?: ${typeOf(field)} | undefined`,
  );
  const rest = schema["additionalProperties"];
  if (typeof rest === "object" && rest !== null && fields.length === 0) return `Readonly<Record<string, ${typeOf(rest as Schema)}>>`;
  return fields.length === 0 ? "object" : `{ ${fields.join("; ")} }`;
}
