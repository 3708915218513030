/** Every route of an OpenAPI file, asked with tokens that must not get through. Imported by tests of the API only. */

export interface Asked {
  readonly status: number;
  readonly body: string;
}
export type Ask = (method: string, path: string, body: unknown, token: string | undefined) => Promise<Asked>;

interface Operation {
  readonly security?: readonly unknown[];
  readonly responses?: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
}
interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
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
    for (const [method, { security, responses }] of Object.entries(methods)) {
      // A stream that is let in has no end; what it shows a stranger is tested beside it.
      if (token !== undefined && responses?.["200"]?.content?.["text/event-stream"] !== undefined) continue;
      const route = `${method.toUpperCase()} ${path}`;
      const filled = path.replace(/\{([^}]+)\}/g, (_, name: string) => fill[name] ?? "unknown");
      const body = bodies[route] ?? (method === "post" || method === "put" ? {} : undefined);
      walked.push({ route, open: security?.length === 0, answer: await ask(method.toUpperCase(), filled, body, token) });
    }
  }
  return walked;
}
