/**
 * /docs: the OpenAPI file, and a reader for it that asks nothing of the internet. The reader is several megabytes of
 * script: it is loaded when somebody first wants to read.
 */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import fastify, { type FastifyInstance } from "fastify";

export const DOCS = "/docs";
const compress = promisify(gzip);

interface OpenApiFile {
  readonly plain: Buffer;
  readonly packed: Buffer;
  readonly etag: string;
}

async function writeFile(app: FastifyInstance): Promise<OpenApiFile> {
  const plain = Buffer.from(JSON.stringify(app.swagger()));
  const etag = `"${createHash("sha256").update(plain).digest("base64url").slice(0, 22)}"`;
  return { plain, packed: await compress(plain), etag };
}

export function docsRoutes(app: FastifyInstance): void {
  let reader: Promise<FastifyInstance> | undefined;
  const schema = { hide: true };
  const config = { open: true };
  let file: Promise<OpenApiFile> | undefined;
  app.get(`${DOCS}/openapi.json`, { config, schema }, async (request, reply) => {
    // The same until the next start; a panel asks for it each time that it is opened.
    const { plain, packed, etag } = await (file ??= writeFile(app));
    reply
      .type("application/json; charset=utf-8")
      .header("etag", etag)
      .header("cache-control", "no-cache")
      .header("vary", "accept-encoding");
    if (request.headers["if-none-match"] === etag) return reply.code(304).send();
    if (!/\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""))) return reply.send(plain);
    return reply.header("content-encoding", "gzip").send(packed);
  });
  app.get(DOCS, { config, schema }, (request, reply) => {
    // Its script and file are named relative to the folder.
    if (request.url.split("?")[0] === DOCS) return reply.redirect(`${DOCS}/`);
    reply.header("content-security-policy", "frame-ancestors 'none'; object-src 'none'; base-uri 'none'").header("x-frame-options", "DENY");
    return read(`${DOCS}/`).then(({ body, type }) => reply.type(type).send(body));
  });
  app.get(`${DOCS}/js/scalar.js`, { config, schema }, async (_request, reply) => {
    const { body, type } = await read(`${DOCS}/js/scalar.js`);
    return reply.type(type).header("cache-control", "max-age=3600").send(body);
  });

  async function read(url: string): Promise<{ readonly body: string; readonly type: string }> {
    const { body, headers } = await (await (reader ??= openReader())).inject({ method: "GET", url });
    return { body, type: String(headers["content-type"]) };
  }

  async function openReader(): Promise<FastifyInstance> {
    const { default: reference } = await import("@scalar/fastify-api-reference");
    const made = fastify({ logger: false });
    // Without fonts from elsewhere, telemetry and a way to send requests through others.
    await made.register(reference, {
      routePrefix: DOCS,
      configuration: { content: app.swagger(), withDefaultFonts: false, telemetry: false, hideClientButton: true },
    });
    await made.ready();
    return made;
  }
}
