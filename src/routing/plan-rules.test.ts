import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DialPlan, PeerHealth } from "./decision.ts";
import { explainPlan, renderExplanation } from "./explain.ts";
import { readNumberPattern, type NumberRewrite } from "./number-pattern.ts";
import { isFailure, IDENTITY_AS_IT_IS } from "./peer-rules.ts";
import { type PlanInput, planCall } from "./plan-dial.ts";
import { makeDid, makeGateway, makeRule, makeSnapshot, makeTrunk, tenant } from "./testing.ts";
import type { Trunk } from "./snapshot.ts";

const rules = (match: string, replace: string): readonly NumberRewrite[] => {
  const pattern = readNumberPattern(match);
  assert.ok(pattern.ok);
  return [{ pattern: pattern.value, replace }];
};
const ai = makeGateway("ai");

function plan(trunks: readonly Trunk[], targets: readonly string[], fields: Partial<PlanInput> = {}): DialPlan {
  const snapshot = makeSnapshot({
    trunks,
    gateways: [ai],
    dids: [makeDid("+79161234567", { targets: [{ type: "gateway", gateway: "ai" }] })],
    outbound: [makeRule("out", { targets: targets.map((trunk) => ({ type: "trunk", trunk })) })],
  });
  return planCall({
    snapshot,
    source: ai,
    calledUser: "+4930123456",
    callerUser: "+4930999",
    healthOf: () => undefined,
    nowMs: 0,
    dice: () => 0,
    ...fields,
  });
}
const tried = (decided: DialPlan): string[] =>
  decided.type === "dial"
    ? decided.attempts.map(({ peer, backup }) =>
        backup === undefined ? peer.name : `${peer.name} for ${backup.of} on ${backup.on?.join() ?? "all"}`,
      )
    : [`${decided.status}`];
const health = (values: Readonly<Record<string, Partial<PeerHealth>>>) => (name: string) => ({
  up: true,
  calls: 0,
  restsUntilMs: 0,
  ...values[name],
});

test("numbers are rewritten before they become canonical, and after they were formatted", () => {
  const carrier = makeTrunk("carrier", {
    rewrite: {
      inboundCalled: rules("^8(\\d{10})$", "+7$1"),
      inboundCaller: rules("^99#", "+"),
      outboundCalled: rules("^+49", "5521#0"),
      outboundCaller: rules("^+", ""),
    },
  });
  const inbound = plan([carrier], [], { source: carrier, calledUser: "8-916-123-45-67", callerUser: "99#4930" });
  assert.deepEqual([inbound.called, inbound.caller, tried(inbound)], ["+79161234567", "+4930", ["ai"]]);
  const outbound = plan([carrier], ["carrier"]);
  assert.ok(outbound.type === "dial");
  assert.deepEqual(
    outbound.attempts.map(({ called, caller, requestUri }) => [called, caller, requestUri]),
    [["5521#030123456", "4930999", "sip:5521%23030123456@carrier.example.com"]],
  );
});

test("an anonymous caller may be refused as 433 (RFC 5079)", () => {
  const carrier = makeTrunk("carrier", { identity: { ...IDENTITY_AS_IT_IS, refuseAnonymous: true } });
  for (const callerUser of ["", "anonymous", "Anonymous"])
    assert.deepEqual(tried(plan([carrier], [], { source: carrier, calledUser: "+79161234567", callerUser })), ["433"]);
  assert.deepEqual(tried(plan([carrier], [], { source: carrier, calledUser: "+79161234567" })), ["ai"]);
});

test("a trunk is shown only its own callers; without another trunk that is 403", () => {
  const a = makeTrunk("a", { callerNumbersAllowed: ["+4930999", "+4989*"] });
  const b = makeTrunk("b");
  assert.deepEqual(tried(plan([a, b], ["a", "b"])), ["a", "b"]);
  assert.deepEqual(tried(plan([a, b], ["a", "b"], { callerUser: "+49891" })), ["a", "b"]);
  assert.deepEqual(tried(plan([a, b], ["a", "b"], { callerUser: "+1555" })), ["b"]);
  assert.deepEqual(tried(plan([a, b], ["a"], { callerUser: "" })), ["403"]);
  assert.deepEqual(
    tried(plan([makeTrunk("a", { callerNumbersAllowed: ["+49301"], callerNumber: "+49301" })], ["a"])),
    ["a"],
    "its own number in place of the caller's",
  );
});

test("calls leave by the egress listener, and the peer's own record stays", () => {
  const trunk = makeTrunk("a", { egressListener: "other" });
  const decided = plan([trunk], ["a"]);
  assert.ok(decided.type === "dial");
  assert.equal(decided.attempts[0]?.peer.listener, "other");
  assert.equal(trunk.listener, "main");
});

test("a full direction leaves room in the other", () => {
  const trunk = makeTrunk("a", { outboundCallsMax: 2 });
  assert.deepEqual(tried(plan([trunk], ["a"], { healthOf: health({ a: { calls: 9, outboundCalls: 1 } }) })), ["a"]);
  assert.deepEqual(tried(plan([trunk], ["a"], { healthOf: health({ a: { calls: 9, outboundCalls: 2 } }) })), ["502"]);
});

test("backups follow their trunk with the failures they are for", () => {
  const a = makeTrunk("a", { backupTrunks: ["b", "c"], backupOn: ["403", "timeout"] });
  const [b, c] = [makeTrunk("b"), makeTrunk("c")];
  assert.deepEqual(tried(plan([a, b, c], ["a"])), ["a", "b for a on 403,timeout", "c for a on 403,timeout"]);
  assert.deepEqual(tried(plan([a, b, c], ["a", "c"])), ["a", "b for a on 403,timeout", "c"], "named by the route itself, it is no backup");
  assert.deepEqual(
    tried(plan([a, b, c], ["a"], { healthOf: health({ a: { up: false }, b: { up: false } }) })),
    ["c for a on all"],
    "a trunk that is down",
  );
  assert.deepEqual(tried(plan([{ ...a, maintenance: true }, b, c], ["a"])), ["b for a on all", "c for a on all"]);
  const full = plan([a, b, c], ["a"], { healthOf: health({ a: { calls: 1_000 } }) });
  assert.deepEqual([tried(full), full.skipped[1]?.reason], [["502"], "backup of a, but not for capacity"]);
});

test("people are told what a backup is for", () => {
  const lines = renderExplanation(explainPlan(plan([makeTrunk("a", { backupTrunks: ["b"], backupOn: ["403"] }), makeTrunk("b")], ["a"])));
  assert.match(lines.at(-1) ?? "", /2\. b .*\(backup of a after 403\)$/);
});

test("each failure has its words", () => {
  const is = (words: string, status: number, outcome: string): boolean => isFailure(words.split(" "), { status, outcome });
  assert.ok(
    is("timeout", 0, "timeout") && is("timeout", 408, "timeout") && is("network", 0, "failed") && is("capacity", 0, "rate_limited"),
  );
  assert.ok(is("5xx", 503, "capacity") && is("403 503", 503, "capacity") && is("no_answer", 0, "no_answer"));
  assert.ok(
    !is("5xx network timeout capacity", 403, "carrier_blocked") && !is("capacity", 503, "capacity") && !is("network", 500, "failed"),
  );
});

test("whatever the backups, each trunk is tried once at most, is of the tenant and up, and backups stand behind their trunk", () => {
  const names = ["a", "b", "c", "d"] as const;
  const someNames = fc.subarray([...names]);
  const trunk = fc.record({ backups: someNames, up: fc.boolean(), full: fc.boolean(), theirs: fc.boolean(), capacity: fc.boolean() });
  fc.assert(
    fc.property(fc.tuple(trunk, trunk, trunk, trunk), fc.shuffledSubarray([...names]), (drawn, targets) => {
      const facts = new Map(names.map((name, i) => [name as string, drawn[i]!]));
      const trunks = names.map((name) => {
        const { backups, theirs, capacity } = facts.get(name)!;
        const fields = { backupTrunks: backups.filter((one) => one !== name), backupOn: capacity ? ["capacity"] : ["5xx"] };
        return makeTrunk(name, { ...fields, ...(theirs && { tenant: tenant("them") }) });
      });
      const healthOf = (name: string) => ({ up: facts.get(name)!.up, calls: facts.get(name)!.full ? 1_000 : 0, restsUntilMs: 0 });
      const decided = plan(trunks, targets, { healthOf });
      const attempts = decided.type === "dial" ? decided.attempts : [];
      assert.equal(new Set(attempts.map(({ peer }) => peer.name)).size, attempts.length);
      for (const [i, { peer, backup }] of attempts.entries()) {
        const { up, full, theirs } = facts.get(peer.name)!;
        assert.ok(up && !full && !theirs, peer.name);
        if (backup?.on === undefined) continue;
        // Before it stand its trunk and other backups of the same, and nothing else.
        const before = attempts.slice(0, i).findLast((one) => one.backup?.of !== backup.of);
        assert.equal(before?.peer.name, backup.of);
      }
    }),
    { numRuns: 1000 },
  );
});
