/** Every route of an OpenAPI file, asked with tokens that must not get through. Imported by tests of the API only. */

export interface Asked {
  readonly status: number;
  readonly body: string;
}
export type Ask = (method: string, path: string, body: unknown, token: string | undefined) => Promise<Asked>;

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly security?: readonly unknown[] }>>>>;
}

export interface Walked {
  readonly route: string;
  readonly open: boolean;
  readonly answer: Asked;
}

/** @param fill what a path parameter is replaced by; @param bodies by "METHOD /path/{as}/written" */
export async function walkRoutes(
  openApi: unknown,
  ask: Ask,
  token: string | undefined,
  fill: Readonly<Record<string, string>>,
  bodies: Readonly<Record<string, unknown>>,
): Promise<readonly Walked[]> {
  const walked: Walked[] = [];
  for (const [path, methods] of Object.entries((openApi as OpenApi).paths)) {
    for (const [method, { security }] of Object.entries(methods)) {
      const route = `${method.toUpperCase()} ${path}`;
      const filled = path.replace(/\{([^}]+)\}/g, (_, name: string) => fill[name] ?? "unknown");
      const body = bodies[route] ?? (method === "post" || method === "put" ? {} : undefined);
      walked.push({ route, open: security?.length === 0, answer: await ask(method.toUpperCase(), filled, body, token) });
    }
  }
  return walked;
}
