/** Calls that Tandem places: the number first, then whoever it is connected to; every race, and kill -9 at each stage. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_TENANT } from "#base/ids.ts";
import { absentPeer } from "#routing/absent-peer.ts";
import type { DialPlan, PlannedAttempt } from "#routing/decision.ts";
import { audio, CARRIER, HUNT, NUMBER, Stage } from "./stage.ts";

const CUSTOMER = "+4930222";
const G1 = "203.0.113.1";
const NONE = { headers: [], body: "" };

const plan = (route: string, called: string, caller: string, attempts: readonly PlannedAttempt[]): DialPlan =>
  attempts.length > 0
    ? { type: "dial", tenant: DEFAULT_TENANT, route, called, caller, attempts, skipped: [], hunt: HUNT }
    : { type: "reject", tenant: DEFAULT_TENANT, route, called, caller, status: 502, reasonPhrase: "", reason: "nobody", skipped: [] };

/** Carrier first, then the gateways. */
function originate(
  stage: Stage,
  { first, connect }: { readonly first?: readonly PlannedAttempt[]; readonly connect?: readonly PlannedAttempt[] } = {},
): string {
  const toCarrier = [{ peer: stage.trunk, requestUri: `sip:${CUSTOMER}@${CARRIER}`, called: CUSTOMER, caller: NUMBER }];
  const toGateways = stage.peers.map((peer) => ({
    peer,
    requestUri: peer.uri!.replace("sip:", `sip:${NUMBER}@`),
    called: NUMBER,
    caller: CUSTOMER,
  }));
  const placed = stage.calls.originate({
    source: absentPeer("gateway", "api", DEFAULT_TENANT),
    plan: () => plan("outbound all", CUSTOMER, NUMBER, first ?? toCarrier),
    connect: () => plan(`did ${NUMBER}`, NUMBER, CUSTOMER, connect ?? toGateways),
    webhookUrl: "https://example.com/calls",
  });
  assert.ok(placed.ok);
  return placed.callId;
}

/** Until the customer has answered and the gateway rings. */
async function connecting(stage: Stage): Promise<void> {
  originate(stage);
  await stage.wait(10);
  stage.carrier.answer(audio(CARRIER, 4000, { formats: "8 0 101" }));
  await stage.wait(10);
}
async function connected(stage: Stage): Promise<void> {
  await connecting(stage);
  stage.gateway(1).answer(audio(G1, 6000, { formats: "8 101" }));
  await stage.wait(10);
}

test("the number is called with an offer of ours, and whoever is connected is offered the codec that it answered with", async () => {
  const stage = new Stage();
  const callId = originate(stage);
  await stage.wait(10);
  const offer = stage.carrier.lastInvite.request;
  assert.match(offer.body, /^m=audio 20000 RTP\/AVP 0 8 101\r$/m);
  assert.match(offer.body, /^c=IN IP4 10\.0\.0\.1\r$/m);
  assert.equal(offer.from().ok && offer.header("from")?.includes(NUMBER), true);
  assert.equal(stage.gateway(1).invites.length, 0);
  stage.carrier.lastInvite.provisional(180, "Ringing", NONE);
  await stage.wait(100);
  assert.equal(stage.calls.find(callId)?.state, "ringing");
  stage.carrier.answer(audio(CARRIER, 4000, { formats: "8 0 101" }));
  await stage.wait(10);
  assert.ok(stage.carrier.heard.includes("ACK"));
  assert.match(stage.gateway(1).lastInvite.request.body, /^m=audio 20002 RTP\/AVP 8 101\r$/m);
  assert.match(stage.gateway(1).lastInvite.request.header("from") ?? "", /\+4930222/);
  stage.gateway(1).answer(audio(G1, 6000, { formats: "8 101" }));
  await stage.wait(5000);
  const commit = stage.media.session!.commits.at(-1)!;
  assert.deepEqual([commit.first, commit.pair, commit.remotes["b1"]?.port, commit.remotes["b2"]?.port], ["b1", "b2", 4000, 6000]);
  stage.carrier.dialog!.bye();
  await stage.wait(10);
  assert.ok(stage.gateway(1).heard.includes("BYE"));
  assert.deepEqual(await stage.quiet(), []);
  const { direction, outcome, endedBy, caller, called, legs, attempts } = stage.cdr;
  assert.deepEqual([direction, outcome, endedBy, caller, called], ["outbound", "answered", "callee", NUMBER, CUSTOMER]);
  assert.deepEqual(
    legs.map(({ leg, direction: way, peer, codec, packetsReceived }) => [leg, way, peer, codec, packetsReceived]),
    [
      ["b1", "outbound", "carrier", "PCMA", 50],
      ["b2", "outbound", "g1", "PCMA", 50],
    ],
  );
  assert.deepEqual(
    attempts.map(({ number, peer, outcome: how }) => [number, peer, how]),
    [
      [1, "carrier", "answered"],
      [2, "g1", "answered"],
    ],
  );
  const told = stage.events.map(({ type }) => type).filter((type) => type.startsWith("call-"));
  assert.deepEqual(told, ["call-started", "call-ringing", "call-answered", "call-ended"]);
  const [started] = stage.events.filter(({ type }) => type === "call-started");
  assert.equal(started?.type === "call-started" ? started.webhookUrl : "", "https://example.com/calls");
});

test("the gateway may end it as well", async () => {
  const stage = new Stage();
  await connected(stage);
  stage.gateway(1).dialog!.bye();
  await stage.wait(10);
  assert.ok(stage.carrier.heard.includes("BYE"));
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.endedBy, "caller");
});

test("busy: nobody is connected, and the record says busy", async () => {
  const stage = new Stage();
  originate(stage);
  await stage.wait(10);
  stage.carrier.lastInvite.reject(486, "Busy Here");
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.gateway(1).invites.length, 0);
  assert.deepEqual([stage.cdr.outcome, stage.cdr.sipStatus, stage.cdr.endedBy, stage.cdr.legs.length], ["busy", 486, "callee", 0]);
});

test("no answer: CANCEL when the time is over", async () => {
  const stage = new Stage();
  originate(stage);
  await stage.wait(10);
  stage.carrier.lastInvite.provisional(180, "Ringing", NONE);
  await stage.wait(60_000);
  assert.ok(stage.received("carrier").includes("CANCEL"));
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.outcome, "no_answer");
});

test("a dead trunk: the next one takes the call", async () => {
  const stage = new Stage({ gateways: 2 });
  const dead = { ...stage.trunk, name: "dead", uri: "sip:10.0.0.77" };
  originate(stage, {
    first: [
      { peer: dead, requestUri: `sip:${CUSTOMER}@10.0.0.77`, called: CUSTOMER, caller: NUMBER },
      { peer: stage.trunk, requestUri: `sip:${CUSTOMER}@${CARRIER}`, called: CUSTOMER, caller: NUMBER },
    ],
  });
  await stage.wait(2100);
  stage.carrier.answer(audio(CARRIER, 4000));
  await stage.wait(10);
  stage.gateway(1).answer(audio(G1, 6000, { formats: "0 101" }));
  await stage.wait(10);
  assert.equal(stage.calls.list()[0]?.state, "answered");
  assert.deepEqual([stage.media.session!.commits.at(-1)!.first, stage.media.session!.commits.at(-1)!.pair], ["b2", "b3"]);
  stage.carrier.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
  assert.deepEqual(
    stage.cdr.attempts.map(({ peer, outcome }) => [peer, outcome]),
    [
      ["dead", "failed"],
      ["carrier", "answered"],
      ["g1", "answered"],
    ],
  );
});

test("the first gateway refuses: the next one is connected", async () => {
  const stage = new Stage({ gateways: 2 });
  await connecting(stage);
  stage.gateway(1).lastInvite.reject(503, "Service Unavailable");
  await stage.wait(10);
  stage.gateway(2).answer(audio("203.0.113.2", 6000, { formats: "8 101" }));
  await stage.wait(10);
  assert.equal(stage.calls.list()[0]?.to, "g2");
  stage.gateway(2).dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("nobody can be connected: the customer hears BYE", async () => {
  const stage = new Stage();
  await connecting(stage);
  stage.gateway(1).lastInvite.reject(500, "Server Internal Error");
  await stage.wait(10);
  assert.ok(stage.carrier.heard.includes("BYE"));
  assert.deepEqual(await stage.quiet(), []);
  assert.deepEqual([stage.cdr.outcome, stage.cdr.legs.length], ["failed", 1]);
  assert.ok(stage.cdr.answeredAtMs !== undefined);
});

test("a plan that refuses the connection ends the first leg, after its ACK", async () => {
  const stage = new Stage();
  originate(stage, { connect: [] });
  await stage.wait(10);
  stage.carrier.answer(audio(CARRIER, 4000));
  await stage.wait(10);
  assert.deepEqual(stage.carrier.heard.slice(-2), ["ACK", "BYE"]);
  assert.deepEqual(await stage.quiet(), []);
});

test("the customer hangs up while the gateway rings: it is cancelled", async () => {
  const stage = new Stage();
  await connecting(stage);
  stage.carrier.dialog!.bye();
  await stage.wait(100);
  assert.ok(stage.received("g1").includes("CANCEL"));
  assert.deepEqual(await stage.quiet(), []);
  assert.deepEqual([stage.cdr.outcome, stage.cdr.endedBy], ["cancelled", "callee"]);
});

test("the customer's BYE crosses the gateway's 200: the gateway gets ACK and BYE", async () => {
  const stage = new Stage();
  stage.network.link("g1", "tandem", { delayMs: 50 });
  await connecting(stage);
  stage.gateway(1).answer(audio(G1, 6000, { formats: "8 101" }));
  stage.carrier.dialog!.bye();
  await stage.wait(1000);
  assert.deepEqual(stage.gateway(1).heard.slice(-2), ["ACK", "BYE"]);
  assert.deepEqual(await stage.quiet(), []);
});

for (const stageName of ["while the number rings", "while the gateway rings", "when it is connected"] as const) {
  test(`hung up by an operator ${stageName}: both sides hear of it`, async () => {
    const stage = new Stage();
    if (stageName === "while the number rings") {
      originate(stage);
      await stage.wait(10);
      stage.carrier.lastInvite.provisional(180, "Ringing", NONE);
      await stage.wait(10);
    } else if (stageName === "while the gateway rings") {
      await connecting(stage);
      stage.gateway(1).lastInvite.provisional(180, "Ringing", NONE);
      await stage.wait(10);
    } else await connected(stage);
    stage.calls.hangUp(stage.calls.list()[0]!.callId, "an operator");
    await stage.wait(100);
    assert.equal(stage.received("carrier").includes("CANCEL"), stageName === "while the number rings");
    assert.equal(stage.received("carrier").includes("BYE"), stageName !== "while the number rings");
    assert.deepEqual(await stage.quiet(), []);
    assert.equal(stage.cdr.endedBy, "us");
  });
}

test("a hang-up that crosses the customer's 200: ACK and BYE, and no gateway is called", async () => {
  const stage = new Stage();
  originate(stage);
  await stage.wait(10);
  stage.carrier.lastInvite.provisional(180, "Ringing", NONE);
  await stage.wait(10);
  stage.network.link("carrier", "tandem", { delayMs: 50 });
  stage.carrier.answer(audio(CARRIER, 4000));
  stage.calls.hangUp(stage.calls.list()[0]!.callId, "an operator");
  await stage.wait(1000);
  assert.deepEqual(stage.carrier.heard.slice(-2), ["ACK", "BYE"]);
  assert.equal(stage.gateway(1).invites.length, 0);
  assert.deepEqual(await stage.quiet(), []);
});

test("a re-INVITE of the customer while the gateway rings is put off with 491", async () => {
  const stage = new Stage();
  await connecting(stage);
  stage.carrier.reinvite(stage.carrier.dialog!, audio(CARRIER, 4000, { version: 2 }));
  await stage.wait(10);
  assert.ok(stage.carrier.heard.includes("re-INVITE failed 491"));
  stage.gateway(1).answer(audio(G1, 6000, { formats: "8 101" }));
  await stage.wait(10);
  stage.gateway(1).onReinvited = (invite) => invite.answer(audio(G1, 6000, { formats: "8 101" }), stage.gateway(1).dialogUser);
  stage.carrier.reinvite(stage.carrier.dialog!, audio(CARRIER, 4100, { version: 3, formats: "8 101" }));
  await stage.wait(10);
  assert.equal(stage.media.session!.commits.at(-1)!.remotes["b1"]?.port, 4100);
  stage.carrier.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("as many calls as there may be: it is refused, and nothing is dialled", () => {
  const stage = new Stage({ callsMax: 1 });
  originate(stage);
  const second = stage.calls.originate({
    source: absentPeer("gateway", "api", DEFAULT_TENANT),
    plan: () => assert.fail("nothing is planned"),
    connect: () => assert.fail("nothing is planned"),
    webhookUrl: undefined,
  });
  assert.deepEqual(second.ok ? "" : second.code, "OVERLOADED");
});

test("a connected call outlives kill -9 and ends by either side", async () => {
  const stage = new Stage();
  await connected(stage);
  await stage.wait(10_000);
  stage.boot();
  assert.deepEqual(stage.calls.restore([...stage.journaled.values()]), { running: 1, ended: 0, unreadable: 0 });
  stage.media.onEvent?.({ type: "up", bootId: "1", sessions: [...stage.media.sessions.keys()] });
  await stage.wait(5000);
  stage.carrier.dialog!.bye();
  await stage.wait(10);
  assert.ok(stage.gateway(1).heard.includes("BYE"));
  assert.deepEqual(await stage.quiet(), []);
  const { direction, endedBy, durationMs, legs } = stage.cdr;
  assert.deepEqual([direction, endedBy], ["outbound", "callee"]);
  assert.ok(durationMs >= 15_000 && durationMs < 15_200);
  assert.deepEqual(
    legs.map(({ leg, peer }) => [leg, peer]),
    [
      ["b1", "carrier"],
      ["b2", "g1"],
    ],
  );
});

test("kill -9 after any act of the process: no call, timer, port or record is left over", async () => {
  for (let acts = 1; acts < 30; acts++) {
    const stage = new Stage();
    stage.diesAfter = acts;
    stage.carrier.onCall = () => stage.carrier.answer(audio(CARRIER, 4000));
    stage.gateway(1).onCall = () => stage.gateway(1).answer(audio(G1, 6000, { formats: "0 101" }));
    originate(stage);
    await stage.wait(100);
    stage.diesAfter = Infinity;
    stage.boot();
    stage.calls.restore([...stage.journaled.values()]);
    stage.media.onEvent?.({ type: "up", bootId: "1", sessions: [...stage.media.sessions.keys()] });
    // A 200 that nobody acknowledged comes again.
    await stage.wait(1000);
    if (!stage.calls.list().some(({ state }) => state === "answered")) {
      for (const side of [stage.carrier, stage.gateway(1)])
        assert.ok(side.dialog === undefined || side.heard.includes("BYE"), `${side.name} after ${acts} acts`);
    }
    stage.carrier.dialog?.bye();
    stage.gateway(1).dialog?.bye();
    assert.deepEqual(await stage.quiet(), [], `after ${acts} acts`);
    assert.equal(stage.cdrs.length, 1, `after ${acts} acts`);
  }
});
