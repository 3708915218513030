/** The archive of `./dev release`, unpacked where there is neither npm nor a network: the demo's call, and the panel. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { DemoReport } from "../../src/demo-main.ts";
import { PANEL_DIST } from "../dev/panel.ts";
import { makeRelease } from "../dev/release.ts";
import { runToEnd } from "../kit/child.ts";

/** All that the launcher asks of a machine. */
const TOOLS = ["sh", "readlink", "dirname", "cat", "cksum", "tr", "uname", "mkdir"];
const CONFIG = `
node: { home: STATE, api: { address: 127.0.0.1, port: 8080 } }
listeners: [{ name: main, address: 127.0.0.1 }]
gateways: [{ name: ai, uri: "sip:127.0.0.3:5060" }]
`;
/** Waits for the panel, says what came, and ends the switch that it started. */
const LOOK = `
const { spawn } = require("node:child_process");
const child = spawn("./tandem", ["start", "--config", "t.yaml"], { stdio: ["ignore", "inherit", "inherit"] });
(async () => {
  for (let n = 0; n < 200; n++) {
    const page = await fetch("http://127.0.0.1:8080/", { headers: { accept: "text/html" } }).catch(() => undefined);
    if (page === undefined) { await new Promise((resolve) => setTimeout(resolve, 50)); continue; }
    const html = await page.text();
    const script = /src="(\\/assets\\/[^"]+)"/.exec(html)?.[1];
    const code = await fetch("http://127.0.0.1:8080" + script);
    console.log("PANEL " + JSON.stringify({ status: page.status, script: code.status, bytes: (await code.text()).length }));
    break;
  }
  child.on("exit", (code) => process.exit(code));
  child.kill("SIGTERM");
})();
`;

const isRoot = process.getuid?.() === 0;

test("a release runs without npm and without a network", async (t) => {
  if (!existsSync(join(PANEL_DIST, "index.html"))) return t.skip("the panel isn't built: ./dev panel");
  if (process.platform !== "linux") return t.skip("Linux only");
  const folder = mkdtempSync(join(tmpdir(), "tandem-release-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const archive = await makeRelease({ to: join(folder, "made"), builtPanel: true, level: 1 });
  assert.ok(archive);
  execFileSync("sha256sum", ["--check", "--status", `${archive}.sha256`], { cwd: join(folder, "made") });
  execFileSync("tar", ["-C", folder, "-xzf", archive]);
  const place = join(folder, readdirSync(folder).find((name) => name.startsWith("tandem-"))!);
  assert.match(readFileSync(join(place, "THIRD-PARTY-NOTICES.txt"), "utf8"), /^fastify [\s\S]*^react [\s\S]*^Node\.js /m);
  assert.equal(existsSync(join(place, "node_modules/typescript")), false);
  writeFileSync(join(place, "t.yaml"), CONFIG.replace("STATE", join(folder, "state")));
  const path = join(folder, "path");
  mkdirSync(path);
  for (const tool of TOOLS) symlinkSync(execFileSync("which", [tool], { encoding: "utf8" }).trim(), join(path, tool));
  const clean = ["env", "-i", `PATH=${path}`, `HOME=${folder}`];
  const apart = (script: string): Promise<{ readonly code: number; readonly output: string }> =>
    isRoot
      ? runToEnd("unshare", ["--net", "sh", "-c", `ip link set lo up && cd "$0" && exec ${clean.join(" ")} ${script}`, place], 60_000)
      : runToEnd("sh", ["-c", `cd "$0" && exec ${clean.join(" ")} ${script}`, place], 60_000);

  const demo = await apart("./tandem demo --json");
  assert.equal(demo.code, 0, demo.output);
  const report = JSON.parse(demo.output.slice(demo.output.indexOf("{"))) as DemoReport;
  assert.equal(report.ok, true);

  writeFileSync(join(folder, "look.cjs"), LOOK);
  const { output } = await apart(`./node/bin/node ${join(folder, "look.cjs")}`);
  const panel = /PANEL (.*)/.exec(output)?.[1];
  assert.ok(panel, output);
  const { status, script, bytes } = JSON.parse(panel) as { readonly status: number; readonly script: number; readonly bytes: number };
  assert.deepEqual([status, script], [200, 200]);
  assert.ok(bytes > 10_000);
});
