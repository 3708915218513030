/**
 * "Why did this call go there?", asked later: the decision of a past call is taken again from its CDR and the log of
 * configurations, whatever was reloaded, applied or drained since.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Cdr } from "#cdr/record.ts";
import type { ReplayAnswer } from "#cli/replay.ts";
import { type Lab, loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, ack, bye, invite, pause, recv, uac } from "../kit/sipp-scenario.ts";

const CALLING = uac([
  invite(),
  recv(100, { optional: true }),
  recv(180, { optional: true }),
  recv(200),
  ack(),
  pause(50),
  bye(),
  recv(200),
]);

/** The first gateway is dead. */
const yaml = (lab: Lab, algorithm: string): string => `
listeners:
  - { name: private, address: ${lab.sbcPrivate.address}, media: { ports: 20000-20999 } }
  - { name: public, address: ${lab.sbcPublic.address}, media: { ports: 21000-21999 } }
trunks:
  - { name: carrier, listener: private, uri: "sip:${lab.carrier.address}:5060", username: us, password: "a secret: {" }
gateways:
${lab.gateways.map(({ address }, i) => `  - { name: ai${i + 1}, listener: public, uri: "sip:${address}:5060" }`).join("\n")}
groups:
  - { name: ai, algorithm: ${algorithm}, gateways: [ai1, { gateway: ai2, weight: 3 }, ai3] }
dids:
  - { number: "+15551234567", to: [gateway ai1, group ai] }
`;
const STORED = 'dids:\n  - { number: "+4930123456", to: gateway ai3 }\n';

describe("replay", { skip: skipWithout("sipp") }, () => {
  test("a past call's decision is the same when it is taken again", async (t) => {
    const lab = loopbackLab(t);
    const tandem = await startTandem(t, lab, yaml(lab, "weighted"));
    for (const gateway of lab.gateways.slice(1)) startSipp(lab, gateway, ANSWERING, undefined);
    const seen = new Set<string>();
    const call = async (service: string): Promise<Cdr> => {
      const result = await runSipp(lab, lab.carrier, CALLING, `${lab.sbcPrivate.address}:5060`, { service });
      assert.equal(result.successful, 1, result.output);
      for (let tries = 0; tries < 200; tries++) {
        const list = await tandem.ask<readonly Cdr[]>({ type: "cdr", limit: 10, callId: undefined, number: undefined });
        const fresh = list.find(({ callId }) => !seen.has(callId));
        if (fresh !== undefined) {
          seen.add(fresh.callId);
          return fresh;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error("no CDR");
    };
    const replayed = (callId: string) => tandem.cli<ReplayAnswer>("route", "--replay", callId);
    const config = join(lab.folder, "tandem.yaml");

    const calls: Cdr[] = [];
    for (let i = 0; i < 4; i++) calls.push(await call("+15551234567"));
    writeFileSync(config, yaml(lab, "round_robin"));
    await tandem.cli("reload");
    for (let i = 0; i < 3; i++) calls.push(await call("+15551234567"));
    const stored = join(lab.folder, "stored.yaml");
    writeFileSync(stored, STORED);
    await tandem.cli("apply", "-f", stored, "--yes");
    calls.push(await call("+4930123456"));
    writeFileSync(stored, "{}\n");
    await tandem.cli("apply", "-f", stored, "--prune", "--yes");
    await tandem.ask({ type: "drain-gateway", name: "ai2", draining: true });
    writeFileSync(config, yaml(lab, "strict_priority"));
    await tandem.cli("reload");

    assert.ok(new Set(calls.map(({ configGeneration }) => configGeneration)).size >= 3);
    for (const { callId, legs, attempts, skipped } of calls) {
      const answer = await replayed(callId);
      assert.deepEqual([answer.agrees, answer.differences], [true, []], JSON.stringify(answer));
      // The plan, and what became of it.
      const planned = answer.attempts.map(({ peer }) => peer);
      assert.deepEqual(
        attempts.map(({ peer }) => peer),
        planned.slice(0, attempts.length),
      );
      assert.equal(legs.at(-1)!.peer, planned[attempts.length - 1]);
      assert.deepEqual(answer.skipped, skipped);
    }
    // The dead one was found so by a call, and later ones knew.
    assert.ok(calls.some(({ skipped }) => skipped.some(({ peer, reason }) => peer === "ai1" && reason === "down")));
    assert.doesNotMatch(JSON.stringify(await replayed(calls[0]!.callId)), /secret/);
  });
});
