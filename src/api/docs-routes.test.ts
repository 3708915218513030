import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import swagger from "@fastify/swagger";
import fastify from "fastify";
import { docsRoutes } from "./docs-routes.ts";

test("the OpenAPI file comes packed, and not again to whoever has it", async (t) => {
  const app = fastify();
  t.after(() => app.close());
  await app.register(swagger, { openapi: { openapi: "3.1.0", info: { title: "Tandem", version: "0" } } });
  docsRoutes(app);
  const get = (headers: Readonly<Record<string, string>>) => app.inject({ url: "/docs/openapi.json", headers });
  const plain = await get({});
  assert.equal((plain.json() as { readonly openapi: string }).openapi, "3.1.0");
  const packed = await get({ "accept-encoding": "gzip, br" });
  assert.equal(gunzipSync(packed.rawPayload).toString(), plain.body);
  const again = await get({ "if-none-match": String(plain.headers["etag"]) });
  assert.deepEqual([again.statusCode, again.body], [304, ""]);
});
