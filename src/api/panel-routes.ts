/**
 * The panel at `/`: built files as they are. Its pages are paths of its own, so that whoever asks for a page by a
 * path that is nobody else's gets index.html; a program asking there gets a problem as everywhere.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { openPanelFiles, type PanelFile } from "./panel-files.ts";

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  // The component library sets its variables in a style element.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
/** Their names change with their contents. */
const HASHED = /^assets\//;
const A_YEAR = "public, max-age=31536000, immutable";
/** Never pages: what is missing there is missing. */
const NOT_PAGES = /^(api|docs|assets)(\/|$)/;

const NOT_BUILT = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Tandem</title>
<body style="font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto; padding: 0 1rem">
<h1>The panel isn't built yet</h1>
<p>Run <code>./tandem panel build</code> in Tandem's folder, then load this page again. It takes half a minute and needs npm.</p>
<p>The switch and its API are running: <a href="/docs/">what the API can do</a>.</p>
`;

export function panelRoutes(app: FastifyInstance, folder: string, missing: (request: FastifyRequest) => Error): void {
  const files = openPanelFiles(folder);
  app.get("/*", { config: { open: true }, schema: { hide: true } }, async (request, reply) => {
    const name = nameIn(request.url);
    if (name === undefined) throw missing(request);
    const file = name === "" ? undefined : await files.find(name);
    if (file !== undefined) return send(request, reply, file, HASHED.test(name) ? A_YEAR : "no-cache");
    if (NOT_PAGES.test(name) || !(request.headers.accept ?? "").includes("text/html")) throw missing(request);
    const index = await files.find("index.html");
    if (index !== undefined) return send(request, reply, index, "no-cache");
    return guarded(reply).code(503).type("text/html; charset=utf-8").send(NOT_BUILT);
  });
}

/** "/trunks/a%20b?x" → "trunks/a b"; undefined: no path. */
function nameIn(url: string): string | undefined {
  try {
    return decodeURIComponent(url.split("?")[0]!.slice(1));
  } catch {
    return undefined;
  }
}

async function send(request: FastifyRequest, reply: FastifyReply, file: PanelFile, caching: string): Promise<FastifyReply> {
  guarded(reply).type(file.type).header("cache-control", caching);
  const packed = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? "")) ? file.gzipped() : undefined;
  if (packed === undefined) return reply.send(file.bytes);
  return reply
    .header("content-encoding", "gzip")
    .header("vary", "accept-encoding")
    .send(await packed);
}

const guarded = (reply: FastifyReply): FastifyReply =>
  reply.header("content-security-policy", POLICY).header("referrer-policy", "no-referrer").header("x-frame-options", "DENY");
