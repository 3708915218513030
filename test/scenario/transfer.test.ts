/** One side of a running call is replaced: by an operator, by REFER, and what crosses it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_TENANT } from "#base/ids.ts";
import type { DialPlan } from "#routing/decision.ts";
import type { TransferQuestion } from "#routing/plan-transfer.ts";
import { respondInDialog } from "#sip/dialog/respond.ts";
import type { VirtualCall } from "../kit/virtual-agent.ts";
import { audio, CARRIER, HUNT, NUMBER, Stage } from "./stage.ts";

const [G1, G2] = ["203.0.113.1", "203.0.113.2"];
const NONE = { headers: [], body: "" };

/** Names are gateways "g2" …; numbers go out by the carrier. */
function plan({ place, caller }: TransferQuestion, stage: Stage): DialPlan {
  const peer = stage.peers.find(({ name }) => name === place.name) ?? (place.name.startsWith("+") ? stage.trunk : undefined);
  const common = { tenant: DEFAULT_TENANT, route: "transfer", called: place.name, caller, skipped: [] } as const;
  if (peer === undefined) return { type: "reject", ...common, status: 404, reasonPhrase: "Not Found", reason: "nobody" };
  const requestUri = peer.uri!.replace("sip:", `sip:${place.name}@`);
  return { type: "dial", ...common, attempts: [{ peer, requestUri, called: place.name, caller }], hunt: HUNT };
}
async function running(
  options: ConstructorParameters<typeof Stage>[0] = {},
): Promise<{ readonly stage: Stage; readonly call: VirtualCall; readonly id: string }> {
  const stage = new Stage({ gateways: 2, transfer: plan, ...options });
  const call = await stage.answered();
  stage.carrier.onReinvited = (invite) => invite.answer(audio(CARRIER, 4000, { version: 2, formats: "0 101" }), stage.carrier.dialogUser);
  return { stage, call, id: stage.calls.list()[0]!.callId };
}
const moved = (stage: Stage, id: string, name = "g2", who?: "caller" | "callee") =>
  stage.calls.transfer(id, { kind: "gateway", name }, who)?.refusal;
/** A side asks for it; @returns what it hears */
function refer(
  stage: Stage,
  by: "carrier" | "g1",
  call: VirtualCall,
  to: string,
  headers: readonly (readonly [string, string])[] = [],
): string[] {
  const agent = by === "carrier" ? stage.carrier : stage.gateway(1);
  const heard: string[] = [];
  agent.onDialogRequest = (transaction) => {
    heard.push(`${transaction.request.method} ${transaction.request.body.trim()}`);
    respondInDialog(transaction, 200, "OK");
  };
  const dialog = by === "carrier" ? call.dialog! : agent.dialog!;
  dialog.request("REFER", { headers: [["Refer-To", to], ...headers], body: "" }, (outcome) =>
    heard.push(
      outcome.type === "response" ? `${outcome.response.status} ${outcome.response.header("refer-sub") ?? ""}`.trim() : outcome.type,
    ),
  );
  return heard;
}

test("an operator moves the call to another gateway: the caller stays on his port and codec, the first one hears BYE", async () => {
  const { stage, call, id } = await running();
  await stage.wait(1000);
  assert.equal(moved(stage, id), undefined);
  await stage.wait(10);
  assert.match(stage.gateway(2).lastInvite.request.body, /^m=audio \d+ RTP\/AVP 0 101\r$/m);
  assert.equal(stage.gateway(1).heard.includes("BYE"), false);
  stage.gateway(2).answer(audio(G2, 7000, { formats: "0 101" }));
  await stage.wait(100);
  assert.ok(stage.gateway(1).heard.includes("BYE"));
  assert.deepEqual([stage.calls.list()[0]?.state, stage.calls.list()[0]?.to], ["answered", "g2"]);
  const { pair, remotes } = stage.media.session!.commits.at(-1)!;
  assert.deepEqual([pair, remotes["a"]?.port, remotes["b2"]?.port], ["b2", 4000, 7000]);
  assert.deepEqual([stage.calls.callsOf("g1"), stage.calls.callsOf("g2"), stage.calls.callsOf("carrier")], [0, 1, 1]);
  call.dialog!.bye();
  await stage.wait(10);
  assert.ok(stage.gateway(2).heard.includes("BYE"));
  assert.deepEqual(await stage.quiet(), []);
  assert.deepEqual(
    stage.cdr.legs.map(({ leg, peer, packetsReceived }) => [leg, peer, packetsReceived]),
    [
      ["a", "carrier", 50],
      ["b1", "g1", 50],
      ["b2", "g2", 50],
    ],
  );
  assert.deepEqual([stage.cdr.outcome, stage.cdr.endedBy, stage.cdr.attempts.length], ["answered", "caller", 2]);
  assert.ok(stage.events.some(({ type }) => type === "call-transferred"));
});

test("whoever stays and was on hold hears by re-INVITE that he is not any more", async () => {
  const { stage, call, id } = await running();
  stage.carrier.onReinvited = (invite) =>
    invite.answer(
      audio(CARRIER, 4000, {
        version: 2,
        formats: "0 101",
        lines: `a=rtpmap:101 telephone-event/8000\r\na=${/a=sendonly/.test(invite.request.body) ? "recvonly" : "sendrecv"}\r\n`,
      }),
      stage.carrier.dialogUser,
    );
  stage
    .gateway(1)
    .reinvite(
      stage.gateway(1).dialog!,
      audio(G1, 6000, { version: 2, formats: "0 101", lines: "a=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n" }),
    );
  await stage.wait(10);
  assert.equal(stage.calls.list()[0]?.held, true);
  moved(stage, id);
  await stage.wait(10);
  assert.match(stage.gateway(2).lastInvite.request.body, /a=sendrecv/);
  stage.gateway(2).answer(audio(G2, 7000, { formats: "0 101" }));
  await stage.wait(100);
  assert.match(stage.carrier.lastReinvite.request.body, /a=sendrecv/);
  assert.equal(stage.calls.list()[0]?.held, false);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("the new gateway refuses: the call goes on as it was", async () => {
  const { stage, call, id } = await running();
  moved(stage, id);
  await stage.wait(10);
  stage.gateway(2).lastInvite.reject(486, "Busy Here");
  await stage.wait(1000);
  assert.deepEqual([stage.calls.list()[0]?.state, stage.calls.list()[0]?.to], ["answered", "g1"]);
  assert.equal(moved(stage, id), undefined, "and may be moved again");
  await stage.wait(10);
  stage.gateway(2).answer(audio(G2, 7000, { formats: "0 101" }));
  await stage.wait(10);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("the caller hangs up while the new gateway rings: both gateways hear of it", async () => {
  const { stage, call, id } = await running();
  moved(stage, id);
  await stage.wait(10);
  stage.gateway(2).lastInvite.provisional(180, "Ringing", NONE);
  await stage.wait(10);
  call.dialog!.bye();
  await stage.wait(100);
  assert.ok(stage.gateway(1).heard.includes("BYE"));
  assert.ok(stage.received("g2").includes("CANCEL"));
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.endedBy, "caller");
});

test("the caller's BYE crosses the new gateway's 200: ACK and BYE", async () => {
  const { stage, call, id } = await running();
  moved(stage, id);
  await stage.wait(10);
  stage.network.link("g2", "tandem", { delayMs: 50 });
  stage.gateway(2).answer(audio(G2, 7000, { formats: "0 101" }));
  call.dialog!.bye();
  await stage.wait(1000);
  assert.deepEqual(stage.gateway(2).heard.slice(-2), ["ACK", "BYE"]);
  assert.deepEqual(await stage.quiet(), []);
});

test("the caller's side is replaced: the legs change places, and who ends it is told rightly", async () => {
  const { stage, id } = await running();
  assert.equal(moved(stage, id, "g2", "caller"), undefined);
  await stage.wait(10);
  stage.gateway(1).onReinvited = (invite) => invite.answer(audio(G1, 6000, { version: 2, formats: "0 101" }), stage.gateway(1).dialogUser);
  stage.gateway(2).answer(audio(G2, 7000, { formats: "0 101" }));
  await stage.wait(100);
  assert.ok(stage.carrier.heard.includes("BYE"));
  assert.deepEqual([stage.calls.callsOf("carrier"), stage.calls.callsOf("g1"), stage.calls.callsOf("g2")], [0, 1, 1]);
  const { first, pair } = stage.media.session!.commits.at(-1)!;
  assert.deepEqual([first, pair], ["b1", "b2"]);
  stage.boot();
  assert.equal(stage.calls.restore([...stage.journaled.values()]).running, 1);
  stage.media.onEvent?.({ type: "up", bootId: "1", sessions: [...stage.media.sessions.keys()] });
  await stage.wait(10);
  stage.gateway(1).dialog!.bye();
  await stage.wait(10);
  assert.ok(stage.gateway(2).heard.includes("BYE"));
  assert.deepEqual(await stage.quiet(), []);
  assert.deepEqual([stage.cdr.endedBy, stage.cdr.legs.map(({ leg }) => leg)], ["callee", ["a", "b1", "b2"]]);
});

test("what can't be: no such call, not answered, already under way, nowhere to go", async () => {
  const { stage, id } = await running();
  assert.equal(stage.calls.transfer("nobody", { kind: "number", name: "+1" }, undefined), undefined);
  assert.equal(stage.calls.transfer(id, { kind: "group", name: "none" }, undefined)?.refusal?.code, "NO_ROUTE");
  assert.equal(moved(stage, id), undefined);
  assert.equal(moved(stage, id)?.code, "BUSY");
  stage.dial();
  await stage.wait(10);
  assert.equal(moved(stage, stage.calls.list().find(({ state }) => state === "hunting")!.callId)?.code, "NOT_ANSWERED");
});

test("REFER of a gateway that may: 202, NOTIFY 100 and 200, then BYE to it (RFC 3515 §2.4)", async () => {
  const { stage, call } = await running({ gateway: { transfers: true } });
  const heard = refer(stage, "g1", call, `<sip:g2@${G2};transport=udp>`);
  await stage.wait(10);
  assert.deepEqual(heard, ["202", "NOTIFY SIP/2.0 100 Trying"]);
  stage.gateway(2).answer(audio(G2, 7000, { formats: "0 101" }));
  await stage.wait(100);
  assert.deepEqual(heard.slice(2), ["NOTIFY SIP/2.0 200 OK"]);
  assert.ok(stage.gateway(1).heard.includes("BYE"));
  assert.match(stage.wireTo("g1", "NOTIFY"), /Subscription-State: terminated;reason=noresource\r\n/);
  assert.match(stage.wireTo("g1", "NOTIFY"), /Event: refer;id=\d+\r\n/);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("of the REFER's headers those pass to the new side that its rules name, as of an INVITE's", async () => {
  const { stage, call } = await running({ gateway: { transfers: true }, each: [{}, { headers: { pass: ["x-account"], set: [] } }] });
  refer(stage, "g1", call, `<sip:g2@${G2}>`, [
    ["X-Account", "4711"],
    ["X-Secret", "stays"],
  ]);
  await stage.wait(10);
  assert.equal(stage.gateway(2).lastInvite.request.header("x-account"), "4711");
  assert.equal(stage.gateway(2).lastInvite.request.header("x-secret"), undefined);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("who says BYE right after his REFER has moved the call all the same (RFC 5589 §6.1)", async () => {
  const { stage, call } = await running({ gateway: { transfers: true } });
  refer(stage, "g1", call, `<sip:g2@${G2}>`);
  await stage.wait(10);
  stage.gateway(1).dialog!.bye();
  await stage.wait(100);
  assert.equal(stage.carrier.heard.includes("BYE"), false);
  stage.gateway(2).answer(audio(G2, 7000, { formats: "0 101" }));
  await stage.wait(100);
  assert.equal(stage.calls.list()[0]?.to, "g2");
  stage.gateway(2).dialog!.bye();
  await stage.wait(10);
  assert.ok(stage.carrier.heard.includes("BYE"));
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.endedBy, "callee");
});

test("who is gone and moved the call in vain: the caller hears BYE", async () => {
  const { stage, call } = await running({ gateway: { transfers: true } });
  refer(stage, "g1", call, `<sip:g2@${G2}>`);
  await stage.wait(10);
  stage.gateway(1).dialog!.bye();
  await stage.wait(10);
  stage.gateway(2).lastInvite.reject(603, "Decline");
  await stage.wait(100);
  assert.ok(stage.carrier.heard.includes("BYE"));
  assert.deepEqual(await stage.quiet(), []);
});

test("REFER in vain: NOTIFY says with what, and the call goes on", async () => {
  const { stage, call } = await running({ gateway: { transfers: true } });
  const heard = refer(stage, "g1", call, `<sip:g2@${G2}>`);
  await stage.wait(10);
  stage.gateway(2).lastInvite.reject(486, "Busy Here");
  await stage.wait(100);
  assert.deepEqual(heard.slice(2), ["NOTIFY SIP/2.0 486 Busy Here"]);
  assert.equal(stage.calls.list()[0]?.to, "g1");
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("Refer-Sub: false: no NOTIFY (RFC 4488)", async () => {
  const { stage, call } = await running({ gateway: { transfers: true } });
  const heard = refer(stage, "g1", call, `<sip:g2@${G2}>`, [["Refer-Sub", "false"]]);
  await stage.wait(10);
  stage.gateway(2).answer(audio(G2, 7000, { formats: "0 101" }));
  await stage.wait(100);
  assert.deepEqual(heard, ["202 false"]);
  assert.ok(stage.gateway(1).heard.includes("BYE"));
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("whoever may ask is told so, in our INVITE and in our answer; nobody else is", async () => {
  const { stage } = await running({ gateway: { transfers: true } });
  assert.ok(stage.gateway(1).lastInvite.request.headerValues("allow").includes("REFER"));
  assert.equal(/Allow: REFER/.test(stage.wireTo("carrier", "200 INVITE")), false);
  const other = await running({ carrier: { transfers: true } });
  assert.match(other.stage.wireTo("carrier", "200 INVITE"), /Allow: REFER\r\n/);
  assert.equal(other.stage.gateway(1).lastInvite.request.headerValues("allow").includes("REFER"), false);
});

test("REFER that can't be obeyed is refused with the reason's status, and where it may not be with 405", async () => {
  const { stage, call } = await running({ gateway: { transfers: true } });
  for (const [to, status] of [
    ["<sip:nobody@example.com>", "404"],
    ["<sip:203.0.113.2>", "400"],
    ["nonsense", "400"],
    ["<sip:g2@x?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3>", "501"],
  ] as const) {
    const heard = refer(stage, "g1", call, to);
    await stage.wait(10);
    assert.deepEqual(heard, [status], to);
  }
  const heard = refer(stage, "carrier", call, `<sip:g2@${G2}>`);
  await stage.wait(10);
  assert.deepEqual(heard, ["405"]);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("kill -9 while the new gateway rings: the call goes on as it was, and the new one hears CANCEL", async () => {
  const { stage, call, id } = await running();
  moved(stage, id);
  await stage.wait(10);
  stage.gateway(2).lastInvite.provisional(180, "Ringing", NONE);
  await stage.wait(10);
  stage.boot();
  assert.equal(stage.calls.restore([...stage.journaled.values()]).running, 1);
  stage.media.onEvent?.({ type: "up", bootId: "1", sessions: [...stage.media.sessions.keys()] });
  await stage.wait(100);
  assert.ok(stage.received("g2").includes("CANCEL"));
  assert.equal(stage.calls.list()[0]?.to, "g1");
  call.dialog!.bye();
  await stage.wait(10);
  assert.ok(stage.gateway(1).heard.includes("BYE"));
  assert.deepEqual(await stage.quiet(), []);
  assert.equal(stage.cdr.called, NUMBER);
});
