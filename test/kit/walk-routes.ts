/** Every route of an OpenAPI file, asked with tokens that must not get through. Imported by tests of the API only. */

export interface Asked {
  readonly status: number;
  readonly body: string;
}
export type Ask = (method: string, path: string, body: unknown, token: string | undefined) => Promise<Asked>;

export type Schema = Readonly<Record<string, unknown>>;
export interface Operation {
  readonly security?: readonly unknown[];
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> };
}
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

export interface Walked {
  readonly route: string;
  readonly open: boolean;
  readonly answer: Asked;
}

/** @param fill what a path parameter is replaced by, by "parameter" or "parameter@/path/{as}/written"
 *  @param bodies by "METHOD /path/{as}/written"; what isn't there is made of the file */
export async function walkRoutes(
  openApi: unknown,
  ask: Ask,
  token: string | undefined,
  fill: Readonly<Record<string, string>>,
  bodies: Readonly<Record<string, unknown>>,
): Promise<readonly Walked[]> {
  const file = openApi as OpenApi;
  const walked: Walked[] = [];
  for (const [path, methods] of Object.entries(file.paths)) {
    for (const [method, { security, requestBody }] of Object.entries(methods)) {
      const route = `${method.toUpperCase()} ${path}`;
      const filled = path.replace(/\{([^}]+)\}/g, (_, name: string) => fill[`${name}@${path}`] ?? fill[name] ?? "unknown");
      const schema = Object.values(requestBody?.content ?? {})[0]?.schema;
      const body =
        bodies[route] ?? (method === "post" || method === "put" ? (schema === undefined ? {} : sampleOf(schema, file)) : undefined);
      walked.push({ route, open: security?.length === 0, answer: await ask(method.toUpperCase(), filled, body, token) });
    }
  }
  return walked;
}

const REFS_DEEP = 20;

/** Something that a schema lets through, as far as it says what: required fields only. */
export function sampleOf(schema: Schema, file: OpenApi, deep = 0): unknown {
  if (typeof schema["$ref"] === "string" && deep < REFS_DEEP) {
    const named = file.components?.schemas?.[schema["$ref"].split("/").at(-1)!];
    return named === undefined ? {} : sampleOf(named, file, deep + 1);
  }
  if (schema["const"] !== undefined) return schema["const"];
  if (Array.isArray(schema["enum"])) return schema["enum"][0];
  const [first] = (schema["anyOf"] ?? schema["oneOf"] ?? []) as readonly Schema[];
  if (first !== undefined) return sampleOf(first, file, deep + 1);
  switch (schema["type"]) {
    case "object": {
      const fields = (schema["properties"] ?? {}) as Readonly<Record<string, Schema>>;
      const required = (schema["required"] ?? []) as readonly string[];
      return Object.fromEntries(required.map((name) => [name, sampleOf(fields[name] ?? {}, file, deep + 1)]));
    }
    case "array":
      return Number(schema["minItems"] ?? 0) > 0 ? [sampleOf((schema["items"] ?? {}) as Schema, file, deep + 1)] : [];
    case "integer":
    case "number":
      return schema["minimum"] ?? 1;
    case "boolean":
      return true;
    default:
      return "sample".padEnd(Number(schema["minLength"] ?? 0), "x");
  }
}
