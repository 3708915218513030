/**
 * What the API says when it doesn't do what was asked: problem+json (RFC 9457) with codes that stay the same.
 * One table turns a code into an HTTP status and a title.
 */
import { z } from "zod";

const PROBLEMS = {
  BODY_INVALID: [422, "A field is not as it should be"],
  BODY_UNREADABLE: [400, "The request can't be read"],
  UNAUTHENTICATED: [401, "Who are you?"],
  LOGIN_FAILED: [401, "User or password is wrong"],
  FORBIDDEN: [403, "Not allowed with this token"],
  NOT_YOUR_NUMBER: [403, "Only a number of one's own may be shown"],
  NOT_FOUND: [404, "There is no such thing"],
  NO_SUCH_ROUTE: [404, "There is no such path"],
  METHOD_NOT_ALLOWED: [405, "Not by this method"],
  TRUNK_ID_TAKEN: [409, "The trunk_id is taken"],
  NAME_TAKEN: [409, "The name is taken"],
  LAST_OWNER: [409, "The last owner stays"],
  MANAGED_BY_FILE: [409, "It stands in tandem.yaml"],
  CONFLICT: [409, "Somebody else was quicker"],
  IN_USE: [409, "Something else names it"],
  ANSWER_PENDING: [409, "The same request is being worked on"],
  NEEDS_RESTART: [409, "tandem.yaml changed what is read at start"],
  PRECONDITION_FAILED: [412, "It is not as it was when you read it"],
  BODY_TOO_LARGE: [413, "The body is too large"],
  UNSUPPORTED_MEDIA_TYPE: [415, "Only application/json"],
  NO_ROUTE: [422, "Nobody can be called that way"],
  KEY_REUSED: [422, "The Idempotency-Key was used for another request"],
  TOO_MANY_REQUESTS: [429, "Too many requests with this token"],
  TOO_MANY_LISTENERS: [429, "Too many listeners"],
  TOO_MANY_LOGINS: [429, "Too many attempts to log in"],
  INTERNAL: [500, "A mistake of ours"],
  NOT_SUPPORTED: [501, "Not with this media engine"],
  OVERLOADED: [503, "No new calls now"],
  SWITCH_UNAVAILABLE: [503, "The switch doesn't answer"],
  STORE_UNAVAILABLE: [503, "The store doesn't answer"],
} as const satisfies Readonly<Record<string, readonly [status: number, title: string]>>;
export type ProblemCode = keyof typeof PROBLEMS;

export interface FieldError {
  readonly field: string;
  readonly message: string;
}

export class ApiProblem extends Error {
  override readonly name = "ApiProblem";
  readonly code: ProblemCode;
  readonly errors: readonly FieldError[];
  readonly retryAfterS: number | undefined;
  constructor(code: ProblemCode, detail: string, more: { readonly errors?: readonly FieldError[]; readonly retryAfterS?: number } = {}) {
    super(detail);
    this.code = code;
    this.errors = more.errors ?? [];
    this.retryAfterS = more.retryAfterS;
  }
  get status(): number {
    return PROBLEMS[this.code][0];
  }
}

export const PROBLEM_TYPE = "application/problem+json";

/** As it is sent. */
export const Problem = z
  .object({
    type: z.string().describe("about:blank: the code says it all."),
    title: z.string(),
    status: z.int(),
    code: z.string().describe("Stays the same between versions."),
    detail: z.string(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
    request_id: z.string(),
  })
  .meta({ id: "Problem" });

export function problemBody({ code, message, errors, status }: ApiProblem, requestId: string): z.infer<typeof Problem> {
  const title = PROBLEMS[code][1];
  return {
    type: "about:blank",
    title,
    status,
    code,
    detail: message,
    ...(errors.length > 0 && { errors: [...errors] }),
    request_id: requestId,
  };
}

/** The answers that any route may give beside its own. */
export const REFUSALS = {
  400: Problem,
  401: Problem,
  403: Problem,
  404: Problem,
  409: Problem,
  412: Problem,
  422: Problem,
  429: Problem,
  500: Problem,
  503: Problem,
} as const;
