/**
 * The API as a whole: Fastify with its routes, one door, one way to say no.
 */
import { randomUUID } from "node:crypto";
import swagger from "@fastify/swagger";
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import {
  hasZodFastifySchemaValidationErrors,
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from "fastify-type-provider-zod";
import { alertChannelRoutes } from "./alert-channel-routes.ts";
import { alertRoutes } from "./alert-routes.ts";
import { applyRoutes } from "./apply-routes.ts";
import { auditRoutes, auditing } from "./audit.ts";
import { isAway } from "#store/database.ts";
import { authRoutes } from "./auth-routes.ts";
import { callPage } from "./call-page.ts";
import { callRoutes } from "./call-routes.ts";
import { placeRoutes } from "./place-routes.ts";
import { cdrRoutes } from "./cdr-routes.ts";
import { didBulkRoutes } from "./did-bulk-routes.ts";
import { DOCS, docsRoutes } from "./docs-routes.ts";
import { limitRoutes } from "./limit-routes.ts";
import { panelRoutes } from "./panel-routes.ts";
import { eventRoutes } from "./event-routes.ts";
import type { ApiPorts } from "./ports.ts";
import { ApiProblem, type FieldError, PROBLEM_TYPE, type ProblemCode, problemBody } from "./problem.ts";
import { questionRoutes } from "./question-routes.ts";
import { idempotency } from "./idempotency.ts";
import { whyNotRead } from "./json-depth.ts";
import { largeBodies } from "./large-bodies.ts";
import { requestLimit } from "./request-limit.ts";
import { resourceDesk } from "./resource-desk.ts";
import { resourceRoutes } from "./resource-routes.ts";
import { guard } from "./sessions.ts";
import { tenantRoutes } from "./tenant-routes.ts";
import { trunkRoutes } from "./trunk-routes.ts";
import { trunkStatusRoutes } from "./trunk-status-routes.ts";
import { keyRoutes, userRoutes } from "./user-routes.ts";
import { watchRoutes } from "./watch-routes.ts";
import { webhookDeliveryRoutes } from "./webhook-delivery-routes.ts";
import { webhookRoutes } from "./webhook-routes.ts";

const BODY_BYTES_MAX = 1024 * 1024;
const REQUEST_MS_MAX = 60_000;
const CONNECTIONS_MAX = 2_000;
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

export async function buildApi(ports: ApiPorts): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    // A proxy on this machine says whom it speaks for: else ten wrong passwords lock out everybody behind it.
    trustProxy: "loopback",
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 100 },
    // What a proxy in front gave it, if that can't do harm in a log.
    genReqId: ({ headers }) =>
      typeof headers["x-request-id"] === "string" && REQUEST_ID.test(headers["x-request-id"]) ? headers["x-request-id"] : randomUUID(),
    // What is left out must not be filled in or taken away silently.
    ajv: { customOptions: { removeAdditional: false, useDefaults: false, coerceTypes: false } },
  });
  // Descriptors are calls', too.
  app.server.maxConnections = CONNECTIONS_MAX;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  // A POST without a body often comes with the header all the same.
  const parseJson = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body === "") return done(null);
    const reason = whyNotRead(body as string);
    if (reason !== undefined) return done(new ApiProblem("BODY_UNREADABLE", reason));
    parseJson(request, body as string, done);
  });
  app.addHook("onSend", async (request, reply) => {
    reply.header("x-request-id", request.id);
    if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
    reply.header("x-content-type-options", "nosniff");
  });
  app.setErrorHandler((error: FastifyError | Error, request, reply) => {
    const problem = problemOf(error);
    if (problem.status === 500) ports.onMistake(request.id, error);
    return refuse(request, reply, problem);
  });
  // Before it the hooks have run: a stranger doesn't learn which paths there are from the answers to his token.
  app.setNotFoundHandler((request, reply) => refuse(request, reply, noSuchRoute(request)));
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Tandem",
        version: ports.version,
        description: "The switch between phone carriers and voice AI. POST /api/auth/login or `tandem token` gives a token.",
      },
      components: {
        securitySchemes: { bearer: { type: "http", scheme: "bearer" }, key: { type: "apiKey", in: "header", name: "x-api-key" } },
      },
      security: [{ bearer: [] }, { key: [] }],
    },
    transform: (input) => {
      const made = jsonSchemaTransform(input);
      return input.route.config?.open === true ? { ...made, schema: { ...made.schema, security: [] } } : made;
    },
    transformObject: jsonSchemaTransformObject,
  });
  guard(app, ports, requestLimit(ports.requestsPerSecond));
  largeBodies(app);
  auditing(app, ports);
  idempotency(app, ports);
  docsRoutes(app);
  if (ports.panelFolder !== undefined) panelRoutes(app, ports.panelFolder, noSuchRoute);
  for (const routes of [
    watchRoutes,
    eventRoutes,
    webhookRoutes,
    webhookDeliveryRoutes,
    alertRoutes,
    alertChannelRoutes,
    authRoutes,
    trunkStatusRoutes,
    callRoutes,
    placeRoutes,
    callPage,
    cdrRoutes,
    limitRoutes,
    questionRoutes,
  ])
    await app.register(routes(ports));
  const desk = resourceDesk(ports);
  for (const routes of [auditRoutes, userRoutes, keyRoutes]) await app.register(routes(ports));
  for (const routes of [trunkRoutes, resourceRoutes, didBulkRoutes, tenantRoutes, applyRoutes]) await app.register(routes(ports, desk));
  await app.ready();
  return app;
}

const noSuchRoute = (request: FastifyRequest): ApiProblem =>
  new ApiProblem("NO_SUCH_ROUTE", `${request.method} ${request.url.split("?")[0]} is nothing here; ${DOCS} has all paths`);

function refuse(request: FastifyRequest, reply: FastifyReply, problem: ApiProblem): FastifyReply {
  if (problem.status === 401) reply.header("www-authenticate", "Bearer");
  if (problem.retryAfterS !== undefined) reply.header("retry-after", String(problem.retryAfterS));
  return reply.code(problem.status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(problemBody(problem, request.id));
}

const CODE_OF_STATUS: Readonly<Record<number, ProblemCode>> = {
  400: "BODY_UNREADABLE",
  413: "BODY_TOO_LARGE",
  415: "UNSUPPORTED_MEDIA_TYPE",
  405: "METHOD_NOT_ALLOWED",
};

/** Never what a stranger could learn from: a mistake of ours says only that it is one. */
function problemOf(error: FastifyError | Error): ApiProblem {
  if (error instanceof ApiProblem) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const errors: FieldError[] = error.validation.map(({ instancePath, message, params }) => ({
      field: fieldName(instancePath, params),
      message: message ?? "is not as it should be",
    }));
    const first = errors[0];
    return new ApiProblem("BODY_INVALID", first === undefined ? "a field is not as it should be" : `${first.field}: ${first.message}`, {
      errors,
    });
  }
  const code = "statusCode" in error && typeof error.statusCode === "number" ? CODE_OF_STATUS[error.statusCode] : undefined;
  if (code !== undefined) return new ApiProblem(code, error.message);
  if (isAway(error)) return new ApiProblem("STORE_UNAVAILABLE", "the database can't be reached; calls go on, try again");
  return new ApiProblem("INTERNAL", "a mistake of ours; the request_id finds it in the log");
}

/** "/preferred_codecs/0" → "preferred_codecs[0]"; an unknown key is named, too. */
function fieldName(path: string, params: unknown): string {
  const parts = path.split("/").filter((part) => part !== "");
  const unknown = (params as { readonly keys?: readonly string[] } | undefined)?.keys?.[0];
  if (unknown !== undefined) parts.push(unknown);
  return parts.length === 0
    ? "(body)"
    : parts.map((part, i) => (/^[0-9]+$/.test(part) ? `[${part}]` : i === 0 ? part : `.${part}`)).join("");
}
