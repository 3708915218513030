/**
 * DNS that lies, hangs or talks too much, on loopback: whatever a gateway's name leads to, the call reaches the next
 * gateway in the times of the hunting table, a call that runs goes on, and nothing is left behind.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { StatusReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import { type Lab, loopbackLab, startTandem } from "../kit/lab.ts";
import { type Zone, startNameServer } from "../kit/name-server.ts";
import { skipWithout } from "../kit/peers.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, ack, bye, invite, pause, recv, uac } from "../kit/sipp-scenario.ts";

const calling = (talkMs: number): string =>
  uac([invite(), recv(100, { optional: true }), recv(180, { optional: true }), recv(200), ack(), pause(talkMs), bye(), recv(200)]);
/** A silent gateway costs 2,000 ms; the rest is for a loaded machine. */
const SETUP_MS_MAX = 4_500;

interface Lie {
  readonly name: string;
  /** What the CDR says of the attempt. */
  readonly reason: RegExp;
  /** It costs the time that a silent gateway does, at most. */
  readonly slow?: boolean;
}
const LIES: readonly Lie[] = [
  { name: "missing", reason: /NOT_FOUND/ },
  { name: "empty", reason: /NOT_FOUND/ },
  { name: "cname-loop", reason: /NOT_FOUND|DNS_FAILED/ },
  { name: "srv-loop", reason: /NOT_FOUND|DNS_FAILED/ },
  { name: "nobody", reason: /NOT_FOUND/ },
  { name: "silence", reason: /DNS_FAILED/, slow: true },
  { name: "nonsense", reason: /DNS_FAILED|NOT_FOUND/, slow: true },
  { name: "broken", reason: /DNS_FAILED/, slow: true },
  { name: "unroutable", reason: /next at once|no response/, slow: true },
  { name: "ourselves", reason: /no response|answered|next at once/, slow: true },
  { name: "thousand", reason: /ECONNREFUSED/, slow: true },
  { name: "hundreds-of-services", reason: /ECONNREFUSED/ },
];

function zoneOf(lab: Lab): Zone {
  const net = lab.sbcPublic.address.split(".").slice(0, 2).join(".");
  const thousand = Array.from({ length: 1_000 }, (_, i) => `${net}.${251 + (i >> 8)}.${i & 255}`);
  return {
    a: {
      "good.example": [lab.gateways[1].address],
      "nobody.example": ["0.0.0.0", "224.0.1.75", "255.255.255.255"],
      "unroutable.example": ["10.255.255.1"],
      "ourselves.example": [lab.sbcPublic.address],
      "thousand.example": thousand,
      ...Object.fromEntries(thousand.slice(0, 20).map((address, i) => [`n${i}.example`, [address]])),
    },
    srv: {
      "_sip._udp.srv-loop.example": [{ priority: 1, port: 5060, name: "_sip._udp.srv-loop.example" }],
      "_sip._udp.hundreds-of-services.example": Array.from({ length: 600 }, (_, i) => ({ priority: i, port: 5070, name: `n${i}.example` })),
    },
    cname: { "cname-loop.example": "loop-a.example", "loop-a.example": "loop-b.example", "loop-b.example": "loop-a.example" },
    behaviour: {
      "empty.example": "empty",
      ...Object.fromEntries(
        ["silence", "nonsense"].flatMap((how) =>
          [`${how}.example`, `_sip._udp.${how}.example`, `_sip._tcp.${how}.example`].map((name) => [name, how] as const),
        ),
      ),
      "broken.example": "SERVFAIL",
      "_sip._udp.broken.example": "SERVFAIL",
      "_sip._tcp.broken.example": "SERVFAIL",
    },
  };
}

function yaml(lab: Lab, nameServer: string): string {
  return `
node: { dns_servers: ["${nameServer}"] }
listeners:
  - { name: private, address: ${lab.sbcPrivate.address}, media: { ports: 20000-20999 } }
  - { name: public, address: ${lab.sbcPublic.address}, media: { ports: 21000-21999 } }
trunks:
  - { name: carrier, listener: private, addresses: [${lab.carrier.address}, ${lab.carrier2.address}] }
gateways:
  - { name: good, listener: public, uri: "sip:good.example" }
${LIES.map(({ name }) => `  - { name: ${name}, listener: public, uri: "sip:${name}.example" }`).join("\n")}
dids:
  - { number: good, to: gateway good }
${LIES.map(({ name }) => `  - { number: to-${name}, to: [gateway ${name}, gateway good] }`).join("\n")}
`;
}

describe("names", { skip: skipWithout("sipp") }, () => {
  test("DNS that lies, hangs or talks too much costs a call no more than a dead gateway, and running calls nothing", async (t) => {
    const lab = loopbackLab(t);
    const names = await startNameServer(lab, lab.sbcPublic, zoneOf(lab));
    const tandem = await startTandem(t, lab, yaml(lab, names.address));
    startSipp(lab, lab.gateways[1], ANSWERING, undefined);
    const seen = new Set<string>();
    const cdrTo = async (called: string): Promise<Cdr> => {
      for (let tries = 0; tries < 200; tries++) {
        const list = await tandem.ask<readonly Cdr[]>({ type: "cdr", limit: 10, callId: undefined, number: undefined });
        const fresh = list.find((one) => one.called === called && !seen.has(one.callId));
        if (fresh !== undefined) {
          seen.add(fresh.callId);
          return fresh;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`no CDR of ${called}. Tandem said:\n${tandem.child.output()}`);
    };
    const call = (service: string) => runSipp(lab, lab.carrier, calling(50), `${lab.sbcPrivate.address}:5060`, { service });
    assert.equal((await call("good")).successful, 1);
    await cdrTo("good");
    const descriptors = (): number => readdirSync(`/proc/${tandem.pidOf("signalling")}/fd`).length;
    const before = descriptors();
    const running = startSipp(lab, lab.carrier2, calling(12_000), `${lab.sbcPrivate.address}:5060`, {
      calls: 1,
      service: "good",
      timeoutMs: 60_000,
    });

    for (const { name, reason, slow = false } of LIES) {
      await t.test(name, async () => {
        const result = await call(`to-${name}`);
        assert.equal(result.successful, 1, result.output);
        const cdr = await cdrTo(`to-${name}`);
        const failed = cdr.attempts.filter(({ peer }) => peer === name);
        t.diagnostic(`${name}: ${cdr.setupMs} ms, ${failed.length} × ${failed[0]?.reason ?? JSON.stringify(cdr.skipped)}`);
        assert.equal(cdr.legs.at(-1)!.peer, "good");
        assert.ok(failed.length >= 1 && failed.length <= 8, `${failed.length} attempts at it`);
        assert.match(failed[0]!.reason, reason);
        assert.ok(cdr.setupMs < (slow ? SETUP_MS_MAX : SETUP_MS_MAX / 2), `${cdr.setupMs} ms`);
      });
    }

    await t.test("what did not answer is not waited for again", async () => {
      assert.equal((await call("to-silence")).successful, 1);
      const { setupMs, legs } = await cdrTo("to-silence");
      assert.equal(legs.at(-1)!.peer, "good");
      assert.ok(setupMs < 1_500, `${setupMs} ms`);
    });

    await t.test("a name server that dies takes no gateway with it", async () => {
      names.change({ behaviour: { "good.example": "silence", "_sip._udp.good.example": "silence", "_sip._tcp.good.example": "silence" } });
      assert.equal((await call("good")).successful, 1);
      await cdrTo("good");
    });

    // It began before the first lie.
    const ended = await running.finish();
    assert.equal(ended.successful, 1, ended.output);
    // The BYE's 200 reaches the carrier before the other side's does us.
    let calls = -1;
    for (let tries = 0; tries < 100 && calls !== 0; tries++) {
      ({ calls } = await tandem.ask<StatusReport>({ type: "status" }));
      if (calls !== 0) await delay(100);
    }
    assert.equal(calls, 0, "calls that are left");
    // A socket stays connected to each address for a while, eight of a name at most.
    assert.ok(descriptors() <= before + 40, `${before} descriptors before, ${descriptors()} after`);
    assert.doesNotMatch(tandem.child.output(), /call failed|error while/);
  });
});
