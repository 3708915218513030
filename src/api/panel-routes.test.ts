import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import fastify, { type FastifyInstance } from "fastify";
import { panelRoutes } from "./panel-routes.ts";

const BROWSER = { accept: "text/html,application/xhtml+xml", "accept-encoding": "gzip, br" };
const SCRIPT = "console.log(1);".repeat(200);

describe("the panel's files", () => {
  let folder = "";
  let app: FastifyInstance;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "tandem-panel-"));
    mkdirSync(join(folder, "dist"));
    writeFileSync(join(folder, "secret.json"), "{}");
    app = fastify();
    panelRoutes(app, join(folder, "dist"), () => Object.assign(new Error("nothing here"), { statusCode: 404 }));
  });
  after(async () => {
    await app.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const get = (url: string, headers: Readonly<Record<string, string>> = BROWSER) => app.inject({ method: "GET", url, headers });

  test("who opens a panel that isn't built is told how to build it", async () => {
    const answer = await get("/");
    assert.equal(answer.statusCode, 503);
    assert.match(answer.body, /tandem panel build/);
  });

  test("built, every page is index.html and is asked for anew, while hashed files stay for a year", async () => {
    mkdirSync(join(folder, "dist/assets"));
    writeFileSync(join(folder, "dist/assets/index-1.js"), SCRIPT);
    writeFileSync(join(folder, "dist/index.html"), "<title>Tandem</title>");
    for (const url of ["/", "/trunks", "/calls/0a.b", "/trunks?x=1"]) {
      const page = await get(url);
      assert.deepEqual([page.statusCode, page.headers["cache-control"], page.body], [200, "no-cache", "<title>Tandem</title>"], url);
      assert.match(String(page.headers["content-security-policy"]), /script-src 'self';/);
    }
    const script = await get("/assets/index-1.js");
    assert.match(String(script.headers["cache-control"]), /max-age=31536000, immutable/);
    assert.equal(script.headers["content-encoding"], "gzip");
    assert.equal(gunzipSync(script.rawPayload).toString(), SCRIPT);
    assert.equal((await get("/assets/index-1.js", {})).body, SCRIPT);
  });

  test("a program, a path of the API and a missing file get no page", async () => {
    for (const [url, headers] of [
      ["/api/nothing", BROWSER],
      ["/docs/nothing", BROWSER],
      ["/assets/gone.js", BROWSER],
      ["/trunks", { accept: "application/json" }],
      ["/trunks", {}],
      ["/%E0%A4%A", BROWSER],
      ["/..%2fsecret.json", { accept: "application/json" }],
    ] as const) {
      const { statusCode } = await get(url, headers);
      assert.ok(statusCode === 404 || statusCode === 400, `${url}: ${statusCode}`);
    }
  });
});
