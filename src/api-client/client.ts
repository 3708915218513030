/**
 * A client of the API, typed by its OpenAPI file: an operation by its name, what it takes, what it answers. What is
 * refused is thrown as the problem that the API says (RFC 9457). No retries: who asks knows whether a second time is
 * wise.
 */
import { type Operations, ROUTES } from "./operations.ts";

export type { Schemas } from "./operations.ts";
export type OperationName = keyof Operations;

/** What an operation takes; groups without a required field may be left out. */
export type Input<N extends OperationName> = Group<"path", Operations[N]["path"]> &
  Group<"query", Operations[N]["query"]> &
  Group<"body", Operations[N]["body"]> & { readonly headers?: Readonly<Record<string, string>> };
type Group<K extends string, T> = T extends undefined
  ? { readonly [P in K]?: undefined }
  : object extends T
    ? { readonly [P in K]?: T }
    : { readonly [P in K]: T };

export interface ApiClient {
  /** @throws ApiRefusal what the API refused, ApiUnreachable where nobody answers */
  call<N extends OperationName>(name: N, input: Input<N>): Promise<Operations[N]["answer"]>;
}

export interface ClientOptions {
  /** "https://tandem.example.com"; a path before "/api" may stand in it. */
  readonly url: string;
  readonly token: string;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly timeoutMs?: number;
}

export class ApiRefusal extends Error {
  override readonly name = "ApiRefusal";
  readonly status: number;
  readonly code: string;
  readonly errors: readonly { readonly field: string; readonly message: string }[];
  constructor(status: number, code: string, detail: string, errors: ApiRefusal["errors"]) {
    super(detail);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

export class ApiUnreachable extends Error {
  override readonly name = "ApiUnreachable";
}

const TIMEOUT_MS = 60_000;

export function createApiClient({ url, token, fetch: ask, timeoutMs = TIMEOUT_MS }: ClientOptions): ApiClient {
  const base = url.replace(/\/+$/, "");
  return {
    async call(name, input) {
      const [method, path] = ROUTES[name];
      const { path: places = {}, query = {}, body, headers = {} } = input as Loose;
      const filled = path.replace(/\{([^}]+)\}/g, (_, place: string) => encodeURIComponent(String(places[place])));
      const asked = Object.entries(query).filter(([, value]) => value !== undefined);
      const search = new URLSearchParams(asked.map(([key, value]): [string, string] => [key, String(value)])).toString();
      const response = await ask(`${base}${filled}${search === "" ? "" : `?${search}`}`, {
        method,
        signal: AbortSignal.timeout(timeoutMs),
        headers: { ...headers, authorization: `Bearer ${token}`, ...(body !== undefined && { "content-type": "application/json" }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }).catch((error: unknown) => {
        throw new ApiUnreachable(`${base} doesn't answer: ${reasonOf(error)}`);
      });
      const text = await response.text();
      if (!response.ok) throw refusalOf(response.status, text);
      return (text === "" ? null : isJson(response) ? JSON.parse(text) : text) as Operations[typeof name]["answer"];
    },
  };
}

interface Loose {
  readonly path?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const isJson = ({ headers }: Response): boolean => /^application\/(problem\+)?json/.test(headers.get("content-type") ?? "");

function refusalOf(status: number, text: string): ApiRefusal {
  try {
    const {
      code = "",
      detail = "",
      errors = [],
    } = JSON.parse(text) as Partial<Record<"code" | "detail", string>> & Partial<Pick<ApiRefusal, "errors">>;
    return new ApiRefusal(status, code, detail, errors);
  } catch {
    // A proxy in between has words of its own.
    return new ApiRefusal(status, "NOT_THE_API", `HTTP ${status}, and not from a Tandem`, []);
  }
}

/** fetch hides what happened in the cause. */
const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
};
