/** What a peer's rules do to a call: identity, diversion, headers by message, codec order, rates, capacity by way, backups. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type NumberRewrite, readNumberPattern } from "#routing/number-pattern.ts";
import { IDENTITY_AS_IT_IS, type IdentityPolicy } from "#routing/peer-rules.ts";
import type { Gateway, Trunk } from "#routing/snapshot.ts";
import { audio, CARRIER, Stage, type StageOptions } from "./stage.ts";

const identity = (policy: Partial<IdentityPolicy>): { readonly identity: IdentityPolicy } => ({
  identity: { ...IDENTITY_AS_IT_IS, ...policy },
});
const statusOf = (call: ReturnType<Stage["dial"]>): number => (call.failure?.type === "response" ? call.failure.response.status : 0);
function rewrite(match: string, replace: string): readonly NumberRewrite[] {
  const pattern = readNumberPattern(match);
  assert.ok(pattern.ok);
  return [{ pattern: pattern.value, replace }];
}
/** From without tag, and these headers, of the INVITE that the gateway got. */
async function invited(options: StageOptions, call: Parameters<Stage["dial"]>[0], ...names: string[]): Promise<(string | undefined)[]> {
  const stage = new Stage(options);
  stage.dial(call);
  await stage.wait(10);
  const { request } = stage.gateway(1).lastInvite;
  return [request.header("from")?.replace(/;tag=.*/, ""), ...names.map((name) => request.header(name))];
}

test("the caller's number is read where the sender's policy says, and sent as the receiver's says", async () => {
  const headers = [
    ["P-Asserted-Identity", `"Alice A" <sip:+4930999@${CARRIER}>`],
    ["Remote-Party-ID", `"Alice R" <sip:+4930777@${CARRIER}>;party=calling;screen=yes;privacy=off`],
  ] as const;
  const shown = (read: IdentityPolicy["read"], send: IdentityPolicy["send"]) =>
    invited({ carrier: identity({ read }), gateway: identity({ send }) }, { headers }, "p-asserted-identity", "remote-party-id");
  const host = "198.51.100.1";
  assert.deepEqual(await shown([], ["rpid"]), [
    `"Alice" <sip:+4930111@${host}>`,
    undefined,
    `"Alice A" <sip:+4930999@${host}>;party=calling;screen=yes;privacy=off`,
  ]);
  assert.deepEqual(await shown(["rpid", "from"], ["pai"]), [
    `"Alice" <sip:+4930777@${host}>`,
    `"Alice R" <sip:+4930777@${host}>`,
    undefined,
  ]);
  assert.deepEqual(
    await shown(["from"], ["from", "pai"]),
    [`"Alice" <sip:+4930111@${host}>`, `"Alice" <sip:+4930111@${host}>`, undefined],
    "an assertion that isn't trusted is none",
  );
});

test("an anonymous caller: as it came, without any number, or with the number for those who must have it", async () => {
  const call = {
    localUri: '"Anonymous" <sip:anonymous@anonymous.invalid>',
    headers: [
      ["P-Asserted-Identity", `<sip:+4930999@${CARRIER}>`],
      ["Privacy", "id"],
    ],
  } as const;
  const shown = (anonymous: IdentityPolicy["anonymous"]) =>
    invited({ gateway: identity({ anonymous, send: ["pai"] }) }, call, "p-asserted-identity", "privacy");
  const nobody = '"Anonymous" <sip:anonymous@anonymous.invalid>';
  assert.deepEqual(await shown("pass"), [nobody, "<sip:+4930999@198.51.100.1>", "id"]);
  assert.deepEqual(await shown("withhold"), [nobody, undefined, "id"]);
  assert.deepEqual(await shown("reveal"), ["<sip:+4930999@198.51.100.1>", "<sip:+4930999@198.51.100.1>", "id"]);
});

test("a gateway that may not be shown the asserted number gets the caller's", async () => {
  const headers = [["P-Asserted-Identity", `<sip:+1900@${CARRIER}>`]] as const;
  const found = await invited({ gateway: { callerNumbersAllowed: ["+4930*"] } }, { headers }, "p-asserted-identity");
  assert.equal(found[1], "<sip:+4930111@198.51.100.1>");
});

test("who diverted the call is said anew, set, or dropped (RFC 5806, RFC 7044)", async () => {
  const headers = [
    ["Diversion", `"Bob" <sip:030222;x=y@sentinel.example>;reason=no-answer;counter=2;privacy=off;screen=sentinel, <sip:@x>`],
    ["History-Info", "<sip:+4930333@sentinel.example?Reason=SIP%3Bcause%3D302%3Btext%3D%22sentinel%22>;index=1;foo=sentinel"],
  ] as const;
  const carrier: Partial<Trunk> = {
    rewrite: { inboundCalled: [], inboundCaller: rewrite("^0", "+49"), outboundCalled: [], outboundCaller: [] },
  };
  const shown = (diversion: IdentityPolicy["diversion"]) =>
    invited({ carrier, gateway: identity({ diversion }) }, { headers }, "diversion", "history-info");
  assert.deepEqual((await shown("drop")).slice(1), [undefined, undefined]);
  assert.deepEqual((await shown("pass")).slice(1), [
    "<sip:+4930222@198.51.100.1>;reason=no-answer;counter=2;privacy=off",
    "<sip:+4930333@198.51.100.1?Reason=SIP%3Bcause%3D302>;index=1",
  ]);
  assert.deepEqual((await shown("set")).slice(1), [
    "<sip:+15551234567@198.51.100.1>;reason=unconditional;counter=1;privacy=off",
    undefined,
  ]);
});

test("headers by message: passed, removed, renamed and set on INVITE, 18x, 200, BYE and refusals", async () => {
  const gateway: Partial<Gateway> = {
    headers: {
      pass: ["x-*"],
      set: [["X-Plain", "1"]],
      remove: ["x-secret*"],
      rules: [
        { on: ["INVITE"], pass: [], remove: [], set: [["X-Tenant", "blue"]], rename: [["x-their-id", "X-Our-Id"]] },
        { on: ["BYE"], pass: ["x-score"], remove: [], set: [["X-End", "caller"]], rename: [] },
      ],
    },
  };
  const on = (message: "18x" | "200" | "BYE" | "refusal") => ({
    on: [message],
    pass: message === "200" ? ["x-model"] : [],
    remove: [],
    set: [[`X-On`, message]] as const,
    rename: [],
  });
  const carrier: Partial<Trunk> = {
    headers: { pass: [], set: [["X-Never", "1"]], rules: [on("18x"), on("200"), on("BYE"), on("refusal")] },
  };
  const stage = new Stage({ gateway, carrier });
  const call = stage.dial({
    headers: [
      ["X-Their-Id", "7"],
      ["X-Secret-Key", "no"],
      ["X-Tenant", "forged"],
      ["X-Other", "yes"],
    ],
  });
  await stage.wait(10);
  const { lastInvite } = stage.gateway(1);
  const of = (name: string): readonly string[] => lastInvite.request.headerLines(name);
  assert.deepEqual(["X-Our-Id", "X-Their-Id", "X-Secret-Key", "X-Tenant", "X-Other", "X-Plain"].map(of), [
    ["7"],
    [],
    [],
    ["blue"],
    ["yes"],
    ["1"],
  ]);
  lastInvite.provisional(180, "Ringing", { headers: [["X-Model", "m"]], body: "" });
  await stage.wait(10);
  stage.gateway(1).answer({ ...audio("203.0.113.1", 6000), headers: [["X-Model", "m"]] });
  await stage.wait(10);
  assert.match(stage.wireTo("carrier", "180 INVITE"), /\r\nX-On: 18x\r\n/);
  assert.doesNotMatch(stage.wireTo("carrier", "180 INVITE"), /X-Model|X-Never/);
  assert.match(stage.wireTo("carrier", "200 INVITE"), /X-Model: m[\s\S]*X-On: 200/);
  call.dialog!.bye([
    ["X-Score", "9"],
    ["X-Other", "no"],
  ]);
  await stage.wait(10);
  const bye = stage.wireTo("g1", "BYE");
  assert.match(bye, /X-Score: 9[\s\S]*X-End: caller/);
  assert.doesNotMatch(bye, /X-Other|X-Plain/);
  assert.deepEqual(await stage.quiet(), []);

  const refused = new Stage({ carrier });
  refused.dial();
  await refused.wait(10);
  refused.gateway(1).lastInvite.reject(486, "Busy Here");
  await refused.wait(10);
  assert.match(refused.wireTo("carrier", "486 INVITE"), /X-On: refusal/);
});

test("preferred codecs as an order leave the others in, as a filter they don't", async () => {
  const formats = async (gateway: Partial<Gateway>, late = false): Promise<string | undefined> => {
    const stage = new Stage({ gateway });
    stage.dial(late ? { body: "", contentType: "" } : audio(CARRIER, 4000, { formats: "0 8 9 101" }));
    await stage.wait(10);
    return /m=audio \d+ RTP\/AVP ([\d ]+)/.exec(stage.gateway(1).lastInvite.request.body)?.[1];
  };
  assert.equal(await formats({ codecs: ["G722", "PCMA"] }), "9 8 101");
  assert.equal(await formats({ codecs: ["G722", "PCMA"], codecsMode: "order" }), "9 8 0 101");
  assert.equal(await formats({ codecs: ["G722"], codecsMode: "order" }, true), "9 0 8 101");
});

test("calls per second from a trunk: 503 with Retry-After that names the limit, in event and CDR", async () => {
  const stage = new Stage({ carrier: { inboundCallsPerSecond: 2 } });
  const calls = [stage.dial(), stage.dial(), stage.dial()];
  await stage.wait(10);
  assert.deepEqual(calls.map(statusOf), [0, 0, 503]);
  assert.match(stage.wireTo("carrier", "503 INVITE"), /Retry-After: \d+/);
  assert.deepEqual([stage.cdr.outcome, stage.cdr.endReason], ["rate_limited", "over 2 calls a second from carrier"]);
  assert.ok(stage.events.some((event) => event.type === "limit" && event.limit === "calls per second" && event.detail.includes("carrier")));
  await stage.wait(1000);
  assert.equal(statusOf(stage.dial()), 0);
});

test("calls per second to a peer: a call waits its turn, and one that would wait too long goes elsewhere", async () => {
  const stage = new Stage({ gateways: 2, each: [{ outboundCallsPerSecond: 1, callQueueMs: 1500 }] });
  const invites = (name: string): number => stage.received(name).filter((summary) => summary === "INVITE").length;
  for (let i = 0; i < 3; i++) stage.dial();
  await stage.wait(10);
  assert.deepEqual([invites("g1"), invites("g2")], [1, 1], "the third would wait for two seconds");
  assert.equal(stage.calls.callsOf("g1"), 2, "who waits has its place");
  await stage.wait(1000);
  assert.deepEqual([invites("g1") >= 2, invites("g2") >= 1], [true, true]);
  assert.ok(
    stage.events.some(
      (event) =>
        event.type === "attempt-ended" && event.outcome === "rate_limited" && event.reason.includes("none waits longer than 1500 ms"),
    ),
  );
});

test("nobody has a turn: 503, as our own pace is our own overload; and who hangs up while waiting leaves nothing", async () => {
  const stage = new Stage({ gateway: { outboundCallsPerSecond: 1, callQueueMs: 0 } });
  stage.dial();
  const second = stage.dial();
  await stage.wait(10);
  assert.equal(statusOf(second), 503);
  assert.equal(stage.cdr.outcome, "rate_limited");

  const waiting = new Stage({ gateway: { outboundCallsPerSecond: 1 } });
  const first = waiting.dial();
  const gone = waiting.dial();
  await waiting.wait(10);
  gone.invite.cancel();
  await waiting.wait(10);
  assert.equal(waiting.cdrs[0]?.outcome, "cancelled");
  first.invite.cancel();
  assert.deepEqual(await waiting.quiet(), []);
  assert.equal(waiting.received("g1").filter((summary) => summary === "INVITE").length, 1);
});

test("a direction may be full while the other has room", async () => {
  const stage = new Stage({ carrier: { inboundCallsMax: 1, outboundCallsMax: 0 } });
  const call = await stage.answered();
  const second = stage.dial();
  const out = stage.dialOut(1);
  await stage.wait(10);
  assert.equal(statusOf(second), 503);
  assert.equal(stage.cdrs[0]?.endReason, "full, 1 of 1 calls from it");
  assert.match(stage.cdrs[1]?.attempts[0]?.reason ?? "", /full, 0 of 0 calls to it/);
  assert.equal(statusOf(out), 502);
  call.dialog!.bye();
  assert.deepEqual(await stage.quiet(), []);
});

test("a backup is tried after the failures that it is for, and the CDR says why, or why not", async () => {
  const backup = (on: readonly string[]): StageOptions => ({
    gateways: 3,
    plan: (plan) => ({ ...plan, attempts: plan.attempts.map((one, i) => (i === 1 ? { ...one, backup: { of: "g1", on } } : one)) }),
  });
  const after503 = async (on: readonly string[], status = 503): Promise<Stage> => {
    const stage = new Stage(backup(on));
    stage.dial();
    await stage.wait(10);
    stage.gateway(1).lastInvite.reject(status, "Unavailable");
    await stage.wait(10);
    return stage;
  };
  const taken = await after503(["5xx"]);
  taken.gateway(2).answer(audio("203.0.113.2", 6000));
  await taken.wait(10);
  taken.calls.hangUpAll("end");
  await taken.wait(10);
  assert.deepEqual(
    taken.cdr.attempts.map(({ peer, reason }) => [peer, reason]),
    [
      ["g1", "answered 503"],
      ["g2", "answered; backup of g1"],
    ],
  );
  const passed = await after503(["timeout"]);
  assert.equal(passed.received("g2").length, 0);
  passed.gateway(3).answer(audio("203.0.113.3", 6000));
  await passed.wait(10);
  passed.calls.hangUpAll("end");
  await passed.wait(10);
  assert.deepEqual(
    [passed.cdr.attempts.map(({ peer }) => peer), passed.cdr.skipped],
    [["g1", "g3"], [{ peer: "g2", reason: "backup of g1 for timeout only" }]],
  );
  const refused = await after503(["606", "4xx"], 486);
  assert.deepEqual([refused.cdr.sipStatus, refused.cdr.skipped], [486, [{ peer: "g2", reason: "backup of g1 for 606, 4xx only" }]]);
});
