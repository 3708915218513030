/**
 * A trunk's rules with sipp on both sides: numbers and identity rewritten both ways, headers by message, a backup
 * trunk by another listener, calls per second each way, maintenance.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Cdr } from "#cdr/record.ts";
import { type Lab, type RunningTandem, loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { type SippResult, runSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, ack, ackFailure, answer, bye, invite, pause, recv, respond, respondWithin, uac, uas } from "../kit/sipp-scenario.ts";

const trying = recv(100, { optional: true });
const ringing = recv(180, { optional: true });
const CALLING = uac([invite(), trying, ringing, recv(200), ack(), pause(100), bye(), recv(200)]);
const REFUSED = uac([invite(), trying, ringing, recv(503), ackFailure()]);

type Fields = Readonly<Record<string, unknown>>;
interface Rules {
  readonly carrier?: Fields;
  readonly second?: Fields;
  readonly ai?: Fields;
}
/** JSON is YAML. */
const entry = (fields: Fields): string => `  - ${JSON.stringify(fields)}\n`;
const yamlOf = (lab: Lab, { carrier = {}, second = {}, ai = {} }: Rules): string => `
listeners:
  - { name: private, address: ${lab.sbcPrivate.address}, media: { ports: 24000-24999 } }
  - { name: public, address: ${lab.sbcPublic.address}, media: { ports: 25000-25999 } }
trunks:
${entry({ name: "carrier", listener: "private", uri: `sip:${lab.carrier.address}:5060`, ...carrier })}${entry({ name: "second", listener: "private", uri: `sip:${lab.carrier2.address}:5060`, ...second })}gateways:
${entry({ name: "ai", listener: "public", uri: `sip:${lab.gateways[0].address}:5060`, ...ai })}dids:
  - { number: "+79161234567", to: gateway ai }
outbound:
  - { name: world, to: trunk carrier }
`;

interface Setting {
  readonly lab: Lab;
  readonly tandem: RunningTandem;
  inbound(scenario: string, service: string, calls?: number): Promise<SippResult>;
  outbound(scenario: string, service: string, calls?: number): Promise<SippResult>;
  /** The last records, newest first, once so many are there. */
  cdrs(count: number): Promise<readonly Cdr[]>;
}
async function setUp(t: TestContext, rules: Rules): Promise<Setting> {
  const lab = loopbackLab(t);
  const tandem = await startTandem(t, lab, yamlOf(lab, rules));
  const burst = (calls = 1) => (calls === 1 ? {} : { calls, ratePerSecond: 50 });
  return {
    lab,
    tandem,
    inbound: (scenario, service, calls) =>
      runSipp(lab, lab.carrier, scenario, `${lab.sbcPrivate.address}:5060`, { service, ...burst(calls) }),
    outbound: (scenario, service, calls) =>
      runSipp(lab, lab.gateways[0], scenario, `${lab.sbcPublic.address}:5060`, { service, ...burst(calls) }),
    async cdrs(count) {
      for (let tries = 0; tries < 200; tries++) {
        const found = await tandem.ask<readonly Cdr[]>({ type: "cdr", limit: count, callId: undefined, number: undefined });
        if (found.length >= count) return found;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`no ${count} CDRs appeared. Tandem said:\n${tandem.child.output()}`);
    },
  };
}
const succeeded = (result: SippResult, calls = 1): void => assert.equal(result.successful, calls, result.output);
/** The first message of a trace that begins so. */
function messageOf(trace: string, start: RegExp): string {
  const found = trace.split(/^-{10,}.*$/m).find((one) => start.test(one));
  assert.ok(found, `no ${start} in\n${trace}`);
  return found;
}

test("a call in: 8 becomes +7, identity and diversion are written anew, headers follow the rules of each message", {
  skip: skipWithout("sipp"),
}, async (t) => {
  const { lab, inbound, cdrs } = await setUp(t, {
    carrier: {
      rewrite: { inbound_called: [{ match: "^8(\\d{10})$", replace: "+7$1" }], inbound_caller: [{ match: "^00", replace: "+" }] },
      identity: { read: ["rpid", "from"] },
      headers: { rules: [{ on: ["18x", "200"], pass: "X-Model", set: { "X-Answered-By": "ai" } }] },
    },
    ai: {
      identity: { send: ["pai"], diversion: "pass" },
      headers: {
        pass: "X-*",
        remove: "X-Secret",
        rules: [
          { on: "INVITE", rename: { "X-Their-Id": "X-Our-Id" } },
          { on: "BYE", pass: "X-Score", set: { "X-End": "carrier" } },
        ],
      },
    },
  });
  const gateway = startSipp(
    lab,
    lab.gateways[0],
    uas([
      recv("INVITE"),
      respond(180, "Ringing", { headers: ["X-Model: small"] }),
      answer({ headers: ["X-Model: large", "X-Cost: 9"] }),
      recv("ACK"),
      recv("BYE"),
      respondWithin(200, "OK"),
    ]),
    undefined,
    { calls: 1 },
  );
  const calling = invite({
    headers: [
      "Remote-Party-ID: <sip:0049301234@[local_ip]>;party=calling;screen=yes",
      "Diversion: <sip:0049305678@[local_ip]>;reason=no-answer;counter=1",
      "X-Their-Id: 7",
      "X-Secret: no",
    ],
  });
  const end = bye().replace("Content-Length", "X-Score: 5\nX-Other: 1\nContent-Length");
  const result = await inbound(uac([calling, trying, ringing, recv(200), ack(), pause(100), end, recv(200)]), "89161234567");
  succeeded(result);
  const { messages } = await gateway.finish();
  const there = messageOf(messages, /^INVITE /m);
  assert.match(there, /^INVITE sip:\+79161234567@/m);
  assert.match(there, /^From: "Caller" <sip:\+49301234@/m);
  assert.match(there, /^P-Asserted-Identity: <sip:\+49301234@/m);
  assert.match(there, /^Diversion: <sip:\+49305678@[^>]*>;reason=no-answer;counter=1/m);
  assert.match(there, /^X-Our-Id: 7/m);
  assert.doesNotMatch(there, /X-Secret|X-Their-Id/);
  assert.ok(!there.includes(lab.carrier.address), "nothing names the carrier's host");
  assert.match(messageOf(messages, /^BYE /m), /X-Score: 5[\s\S]*X-End: carrier/);
  assert.doesNotMatch(messageOf(messages, /^BYE /m), /X-Other/);
  assert.match(messageOf(result.messages, /^SIP\/2\.0 180/m), /X-Model: small[\s\S]*X-Answered-By: ai/);
  assert.match(messageOf(result.messages, /^SIP\/2\.0 200 OK[\s\S]*INVITE/m), /X-Model: large/);
  assert.doesNotMatch(result.messages, /X-Cost/);
  const [cdr] = await cdrs(1);
  assert.deepEqual([cdr?.called, cdr?.caller], ["+79161234567", "+49301234"]);
});

test("a call out: a tech prefix, the codec order, and after 503 the backup trunk by its own listener", {
  skip: skipWithout("sipp"),
}, async (t) => {
  const { lab, outbound, cdrs } = await setUp(t, {
    carrier: {
      rewrite: { outbound_called: [{ match: "^+49", replace: "5521#0" }], outbound_caller: [{ match: "^+", replace: "" }] },
      codecs: ["PCMA"],
      codecs_mode: "order",
      backup_trunks: ["second"],
      backup_on: ["503"],
    },
    second: { egress_listener: "public", caller_number: "+7495000", caller_numbers_allowed: ["+7495*"] },
  });
  const first = startSipp(lab, lab.carrier, uas([recv("INVITE"), respond(503, "Busy", { retransmit: true }), recv("ACK")]), undefined, {
    calls: 1,
  });
  const second = startSipp(lab, lab.carrier2, ANSWERING, undefined, { calls: 1 });
  succeeded(await outbound(CALLING, "+4930123456"));
  const asked = messageOf((await first.finish()).messages, /^INVITE /m);
  assert.match(asked, /^INVITE sip:5521%23030123456@/m);
  assert.match(asked, /^From: "Caller" <sip:4930123456@/m);
  assert.match(asked, /^m=audio \d+ RTP\/AVP 8 0 101/m);
  const taken = messageOf((await second.finish()).messages, /^INVITE /m);
  assert.match(taken, /^INVITE sip:\+4930123456@/m);
  assert.match(taken, /^From: <sip:\+7495000@/m);
  assert.match(taken, new RegExp(`^Via: SIP/2\\.0/UDP ${lab.sbcPublic.address.replaceAll(".", "\\.")}:5060`, "m"));
  assert.match(taken, new RegExp(`^c=IN IP4 ${lab.sbcPublic.address.replaceAll(".", "\\.")}`, "m"));
  const [cdr] = await cdrs(1);
  assert.deepEqual(
    cdr?.attempts.map(({ peer, status, reason }) => [peer, status, reason]),
    [
      ["carrier", 503, "answered 503"],
      ["second", 200, "answered; backup of carrier"],
    ],
  );
  assert.deepEqual(
    cdr?.legs.map(({ listener }) => listener),
    ["public", "public"],
  );
});

test("calls a second: refused inbound with what was too much, queued outbound", { skip: skipWithout("sipp") }, async (t) => {
  const { lab, inbound, outbound, cdrs } = await setUp(t, {
    carrier: { calls_per_second_inbound: 1, calls_per_second_outbound: 2, call_queue_ms: 5000 },
  });
  const gateway = startSipp(lab, lab.gateways[0], ANSWERING, undefined, { calls: 1 });
  succeeded(await inbound(CALLING, "+79161234567"));
  await gateway.finish();
  // That call's second may be over by now: of four at once none, one or, on a slow machine, two more fit.
  const both = uac([
    invite(),
    trying,
    ringing,
    recv(503, { optional: true }).replace("></recv>", ' next="1"></recv>'),
    recv(200),
    ack(),
    bye(),
    recv(200),
    '<nop next="2"></nop>',
    '<label id="1"/>',
    ackFailure(),
    '<label id="2"/>',
    "<nop></nop>",
  ]);
  const again = startSipp(lab, lab.gateways[0], ANSWERING, undefined);
  const flood = await inbound(both, "+79161234567", 4);
  succeeded(flood, 4);
  assert.match(messageOf(flood.messages, /^SIP\/2\.0 503/m), /^Retry-After: \d+/m);
  const limited = (await cdrs(5)).filter(({ outcome }) => outcome === "rate_limited");
  assert.ok(limited.length >= 2, `${limited.length} refused`);
  assert.equal(limited[0]?.endReason, "over 1 calls a second from carrier");
  await again.finish();

  startSipp(lab, lab.carrier, ANSWERING, undefined);
  succeeded(await outbound(CALLING, "+4930123456", 5), 5);
  const starts = (await cdrs(10))
    .slice(0, 5)
    .map(({ attempts }) => attempts[0]!.startedAtMs)
    .sort((a, b) => a - b);
  for (let i = 2; i < starts.length; i++)
    assert.ok(starts[i]! - starts[i - 2]! >= 990, `three calls within ${starts[i]! - starts[i - 2]!} ms`);
});

test("maintenance: no calls either way, 503 with Retry-After to the carrier", { skip: skipWithout("sipp") }, async (t) => {
  const { inbound, outbound, cdrs } = await setUp(t, { carrier: { maintenance: true } });
  const refused = await inbound(REFUSED, "+79161234567");
  succeeded(refused);
  assert.match(refused.messages, /^Retry-After: \d+/m);
  const out = await outbound(uac([invite(), trying, recv(502), ackFailure()]), "+4930123456");
  succeeded(out);
  const found = await cdrs(2);
  assert.match(found[1]?.endReason ?? "", /maintenance/);
  assert.deepEqual(found[0]?.skipped, [{ peer: "carrier", reason: "in maintenance" }]);
});
