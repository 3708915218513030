/**
 * examples/exolve-livekit with the laboratory's addresses: a carrier with one address and a +7 number in the
 * Request-URI, an AI side that is found by name and reached by TCP, and a backup for when it is dead.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, describe, test } from "node:test";
import type { GatewaysReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import { ROOT } from "../dev/root.ts";
import { type Lab, loopbackLab, namespaceLab, startTandem } from "../kit/lab.ts";
import { startNameServer } from "../kit/name-server.ts";
import { skipWithout, skipWithoutRoot } from "../kit/peers.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import { PROBED, ack, bye, invite, pause, recv, uac } from "../kit/sipp-scenario.ts";

const NUMBER = "+79001234567";
const NAME = "myproject.sip.livekit.example";
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

async function until<T>(what: string, look: () => Promise<T | undefined>, timeoutMs = 30_000): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function bridge(t: TestContext, lab: Lab): Promise<void> {
  const [livekit, backup, carrier] = lab.gateways;
  const names = await startNameServer(lab, lab.sbcPublic, {
    srv: { [`_sip._tcp.${NAME}`]: [{ priority: 10, port: 5060, name: "edge.livekit.example" }] },
    a: { "edge.livekit.example": [livekit.address] },
  });
  const example = readFileSync(join(ROOT, "examples/exolve-livekit/tandem.yaml"), "utf8");
  const here = example
    .replace("address: 203.0.113.234", `address: ${lab.sbcPublic.address}`)
    .replace("198.51.100.20", carrier.address)
    .replace("192.0.2.51", backup.address)
    .replaceAll("every_s: 15", "every_s: 1, timeout_ms: 900")
    .replace("  id: e1\n", `  id: e1\n  dns_servers: ["${names.address}"]\n`);
  const cloud = startSipp(lab, livekit, PROBED, undefined, { transport: "t1" });
  startSipp(lab, backup, PROBED, undefined);
  const tandem = await startTandem(t, lab, here);
  const becomes = (name: string, state: "up" | "down") =>
    until(`${name} ${state}`, async () => {
      const gateway = (await tandem.ask<GatewaysReport>({ type: "gateways" })).gateways.find((one) => one.name === name)!;
      return gateway.state === state && gateway.targets.length > 0 ? gateway : undefined;
    });
  const seen = new Set<string>();
  const call = async (): Promise<{ readonly cdr: Cdr; readonly messages: string }> => {
    const result = await runSipp(lab, carrier, CALLING, `${lab.sbcPublic.address}:5060`, { service: NUMBER });
    assert.equal(result.successful, 1, result.output);
    const cdr = await until("CDR", async () => {
      const list = await tandem.ask<readonly Cdr[]>({ type: "cdr", limit: 10, callId: undefined, number: undefined });
      return list.find(({ callId }) => !seen.has(callId));
    });
    seen.add(cdr.callId);
    return { cdr, messages: result.messages };
  };

  const { targets } = await becomes("livekit", "up");
  assert.ok(targets[0]!.target.includes(livekit.address), JSON.stringify(targets));
  const { cdr, messages } = await call();
  assert.deepEqual([cdr.called, cdr.route, cdr.legs.at(-1)?.peer], [NUMBER, `did ${NUMBER}`, "livekit"]);
  assert.match(cdr.legs.at(-1)!.remoteAddress, /^tcp:/);
  assert.match(cloud.messages(), new RegExp(`INVITE sip:\\${NUMBER}@${NAME};transport=tcp SIP/2\\.0`));
  for (const hidden of ["livekit", ...(lab.kind === "namespaces" ? [livekit.address] : [])])
    assert.ok(!messages.includes(hidden), `the carrier was shown ${hidden}`);
  assert.ok(!cloud.messages().includes(carrier.address), "LiveKit was shown the carrier's address");

  cloud.child.kill("SIGKILL");
  await cloud.child.ended;
  // Before a probe has noticed, and after: at once in both cases.
  for (const known of [false, true]) {
    if (known) await becomes("livekit", "down");
    const { cdr: second } = await call();
    assert.equal(second.legs.at(-1)?.peer, "backup-ai", JSON.stringify(second.attempts));
    assert.match(second.legs.at(-1)!.remoteAddress, /^udp:/);
    assert.ok(second.setupMs < 2_500, `${second.setupMs} ms`);
    if (known) assert.deepEqual(second.skipped, [{ peer: "livekit", reason: "down" }]);
  }
  startSipp(lab, livekit, PROBED, undefined, { transport: "t1" });
  await becomes("livekit", "up");
  assert.equal((await call()).cdr.legs.at(-1)?.peer, "livekit");
}

describe("examples/exolve-livekit", () => {
  test("on loopback", { skip: skipWithout("sipp") }, (t) => bridge(t, loopbackLab(t)));
  test("in namespaces", { skip: skipWithoutRoot("sipp") }, (t) => bridge(t, namespaceLab(t)));
});
