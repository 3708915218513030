/** Asks the API. Paths, parameters and answers have the types of the OpenAPI file. */
import type { paths } from "./schema.d.ts";
import { accessToken, logOut } from "./session.ts";

export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** A problem (RFC 9457) as the API tells it; `status` 0: it could not be asked. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly code: string;
  readonly errors: readonly FieldError[];
  readonly requestId: string;
  constructor(status: number, problem: Partial<{ code: string; detail: string; title: string; errors: FieldError[]; request_id: string }>) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`);
    this.status = status;
    this.code = problem.code ?? (status === 0 ? "UNREACHABLE" : "UNKNOWN");
    this.errors = problem.errors ?? [];
    this.requestId = problem.request_id ?? "";
  }
}

export type Method = "get" | "post" | "put" | "delete";
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Asked {
  readonly query?: Query | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

export function urlOf(path: string, query: Query = {}): string {
  const said = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  return said.length === 0 ? path : `${path}?${new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString()}`;
}

const tokenOr = (refused?: string): Promise<string | undefined> =>
  accessToken(refused).catch(() => {
    throw new ApiError(0, {});
  });

/** The answer as it came; a token that has run out is renewed once. @throws ApiError */
export async function askRaw(method: Method, path: string, { query, body, headers = {}, signal }: Asked = {}): Promise<Response> {
  let token = await tokenOr();
  for (let tries = 1; ; tries++) {
    const answer = await fetch(urlOf(path, query), {
      method: method.toUpperCase(),
      headers: {
        ...headers,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && !("content-type" in headers) && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    }).catch((error: unknown) => {
      if (signal?.aborted === true) throw error;
      throw new ApiError(0, {});
    });
    if (answer.ok) return answer;
    const problem = new ApiError(answer.status, (await answer.json().catch(() => ({}))) as object);
    // A wrong password says nothing of the token.
    if (problem.status === 401 && problem.code !== "LOGIN_FAILED") {
      const refused = token;
      token = tries === 1 && refused !== undefined ? await tokenOr(refused) : undefined;
      if (token !== undefined) continue;
      logOut();
    }
    throw problem;
  }
}

/** For paths that only the OpenAPI file at run time knows. @throws ApiError */
export async function ask(method: Method, path: string, asked: Asked = {}): Promise<unknown> {
  const answer = await askRaw(method, path, asked);
  const text = await answer.text();
  return text === "" ? undefined : /json/.test(answer.headers.get("content-type") ?? "") ? JSON.parse(text) : text;
}

export type PathWith<M extends Method> = { [P in keyof paths]: paths[P] extends Record<M, object> ? P : never }[keyof paths];
type Operation<P extends keyof paths, M extends Method> = M extends keyof paths[P] ? paths[P][M] : never;
type Content<R> = R extends { content: { "application/json": infer B } } ? B : undefined;
type Success<R> = R extends { 200: infer A }
  ? Content<A>
  : R extends { 201: infer A }
    ? Content<A>
    : R extends { 202: infer A }
      ? Content<A>
      : undefined;
export type Answer<P extends keyof paths, M extends Method = "get"> = Operation<P, M> extends { responses: infer R } ? Success<R> : never;
export type Body<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { requestBody?: infer B } ? Content<Exclude<B, undefined>> : never;
type PathOf<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { parameters: { path: infer V } } ? { readonly path: V } : { readonly path?: undefined };
type QueryOf<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { parameters: { query?: infer V } } ? { readonly query?: V } : object;
export type Arguments<P extends keyof paths, M extends Method> = PathOf<P, M> &
  QueryOf<P, M> & { readonly body?: Body<P, M>; readonly signal?: AbortSignal };

/** "/api/trunks/{trunk_id}" and {trunk_id: "a b"} → "/api/trunks/a%20b" */
export const filled = (path: string, values: Readonly<Record<string, unknown>> = {}): string =>
  path.replace(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(String(values[name] ?? "")));

async function typed<M extends Method, P extends PathWith<M>>(method: M, path: P, given?: Arguments<P, M>): Promise<Answer<P, M>> {
  const {
    path: values,
    query,
    body,
    signal,
  } = (given ?? {}) as { path?: Record<string, unknown>; query?: Query; body?: unknown; signal?: AbortSignal };
  return (await ask(method, filled(path, values), { query, body, signal })) as Answer<P, M>;
}

export const api = {
  get: <P extends PathWith<"get">>(path: P, given?: Arguments<P, "get">) => typed("get", path, given),
  post: <P extends PathWith<"post">>(path: P, given?: Arguments<P, "post">) => typed("post", path, given),
  put: <P extends PathWith<"put">>(path: P, given?: Arguments<P, "put">) => typed("put", path, given),
  delete: <P extends PathWith<"delete">>(path: P, given?: Arguments<P, "delete">) => typed("delete", path, given),
};
