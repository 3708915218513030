/** The command line against a Tandem elsewhere: what it says over the API is what it says over the control socket. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { TokenReport } from "#call/control.ts";
import { loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, ack, bye, invite, pause, recv, uac } from "../kit/sipp-scenario.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
const CALLING = uac([
  invite(),
  recv(100, { optional: true }),
  recv(180, { optional: true }),
  recv(200),
  ack(),
  pause(200),
  bye(),
  recv(200),
]);
const PASSWORD = "far-away-pass-1";

describe("the command line from afar", { skip: skipWithout("sipp") }, () => {
  test("calls, cdr, trunks, gateways, apply and export work with TANDEM_URL and TANDEM_TOKEN", async (t) => {
    const lab = loopbackLab(t);
    const tandem = await startTandem(t, lab, labYaml(lab, { node: { api: { port: 0 } } }));
    let report = await tandem.ask<TokenReport>({ type: "token", role: "owner", tenant: undefined });
    for (let i = 0; report.url === undefined && i < 200; i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      report = await tandem.ask<TokenReport>({ type: "token", role: "owner", tenant: undefined });
    }
    const launcher = join(import.meta.dirname, "../../tandem");
    const typed = async (env: readonly string[], ...args: readonly string[]) =>
      lab.run(lab.sbcPrivate, "env", [...env, launcher, ...args], 40_000);
    const here = (...args: readonly string[]) => typed([`TANDEM_HOME=${tandem.home}`, `XDG_RUNTIME_DIR=${tandem.home}`], ...args);
    // A state folder of nobody: only the API can answer.
    const far = [`TANDEM_URL=${report.url}`, "TANDEM_HOME=/nowhere"];
    const there = (...args: readonly string[]) => typed([...far, `TANDEM_TOKEN=${report.token}`], ...args);

    const file = join(lab.folder, "far.yaml");
    writeFileSync(file, `gateways: [{ name: far, listener: public, uri: "sip:192.0.2.9", username: u, password: ${PASSWORD} }]\n`);
    const shown = await there("apply", "-f", file, "--json");
    assert.equal((JSON.parse(shown.output) as { code: string }).code, "NOT_CONFIRMED", shown.output);
    const applied = await there("apply", "-f", file, "--yes");
    assert.deepEqual(
      [applied.code, /\+ gateway far/.test(applied.output), /1 added/.test(applied.output)],
      [0, true, true],
      applied.output,
    );
    writeFileSync(file, `gateways: [{ name: far, listener: nowhere, uri: "sip:192.0.2.9" }]\n`);
    const wrong = await there("apply", "-f", file, "--yes");
    assert.deepEqual([wrong.code, wrong.output.includes(`${file}:1`)], [2, true], wrong.output);

    const gateway = startSipp(lab, lab.gateways[0], ANSWERING, undefined, { calls: 1 });
    assert.equal((await runSipp(lab, lab.carrier, CALLING, `${lab.sbcPrivate.address}:5060`, { service: DID })).successful, 1);
    await gateway.finish();

    for (const args of [
      ["calls"],
      ["trunks"],
      ["gateways"],
      ["gateways", "far"],
      ["cdr"],
      ["export"],
      ["why"],
      ["route", DID, "--from", "vodafone"],
    ]) {
      const [near, away] = [await here(...args), await there(...args)];
      assert.equal(away.code, 0, `${args.join(" ")}: ${away.output}`);
      assert.equal(away.output, near.output, args.join(" "));
      assert.equal(away.output.includes(PASSWORD), false);
    }
    const [first] = JSON.parse((await there("cdr", "--json")).output) as readonly { readonly callId: string }[];
    assert.equal((await there("cdr", first!.callId)).output, (await here("cdr", first!.callId)).output);

    const nobody = await typed([...far, "TANDEM_TOKEN=wrong"], "calls");
    assert.deepEqual([nobody.code, /TANDEM_TOKEN/.test(nobody.output)], [1, true], nobody.output);
    assert.match((await there("reload")).output, /works on the machine itself/);
    assert.match((await typed(["TANDEM_URL=http://127.0.0.1:9", "TANDEM_TOKEN=x"], "calls")).output, /doesn't answer/);
  });
});
