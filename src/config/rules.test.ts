import assert from "node:assert/strict";
import { test } from "node:test";
import { planCall } from "#routing/plan-dial.ts";
import { type LoadedConfig, loadText } from "./load.ts";

function load(fields: readonly string[], more = ""): LoadedConfig {
  const text = `listeners:
  - {name: main, address: 192.0.2.1}
  - {name: other, address: 192.0.2.2, transports: [tcp]}
trunks:
  - name: carrier
    listener: main
    uri: sip:198.51.100.1
${fields.map((line) => `    ${line}\n`).join("")}${more}gateways:
  - {name: ai, listener: main, uri: "sip:203.0.113.1;transport=tcp"}
outbound:
  - {name: out, to: trunk carrier}
`;
  return loadText(text, "t.yaml", {
    env: { HOME: "/home/ann" },
    uid: 1000,
    hostname: "host",
    readFile: () => {
      throw new Error("no file is read");
    },
  });
}
function trunkOf(fields: readonly string[], more = "") {
  const loaded = load(fields, more);
  assert.ok(loaded.ok, loaded.ok ? "" : JSON.stringify(loaded.problems));
  return { trunk: loaded.config.snapshot.trunks.get("carrier")!, snapshot: loaded.config.snapshot, warnings: loaded.warnings };
}

test("rules are read into the trunk's record, and nothing where nothing is written", () => {
  const { trunk } = trunkOf([
    'rewrite: {inbound_called: [{match: "^8(\\\\d{10})$", replace: "+7$1"}], outbound_called: {match: "^", replace: "77#"}}',
    "identity: {send: [pai, rpid], read: pai, diversion: pass, anonymous: withhold, anonymous_calls: refuse}",
    "codecs: [PCMA]",
    "codecs_mode: order",
    "calls_max_inbound: 10",
    "calls_max_outbound: 5",
    "calls_per_second_inbound: 3",
    "calls_per_second_outbound: 2",
    "call_queue_ms: 500",
    'caller_numbers_allowed: ["+49301*"]',
    "headers: {pass: x-*, remove: [X-Secret], rules: [{on: [BYE, 18x], rename: {X-A: X-B}, set: {X-C: Zoë}}]}",
  ]);
  assert.equal(trunk.rewrite?.inboundCalled[0]?.pattern.text, "^8(\\d{10})$");
  assert.equal(trunk.rewrite?.outboundCalled[0]?.replace, "77#");
  assert.deepEqual(trunk.identity, {
    read: ["pai"],
    send: ["pai", "rpid"],
    diversion: "pass",
    anonymous: "withhold",
    refuseAnonymous: true,
  });
  assert.deepEqual(
    [
      trunk.codecsMode,
      trunk.inboundCallsMax,
      trunk.outboundCallsMax,
      trunk.inboundCallsPerSecond,
      trunk.outboundCallsPerSecond,
      trunk.callQueueMs,
    ],
    ["order", 10, 5, 3, 2, 500],
  );
  assert.deepEqual(trunk.headers, {
    pass: ["x-*"],
    set: [],
    remove: ["x-secret"],
    rules: [{ on: ["BYE", "18x"], pass: [], remove: [], set: [["X-C", "Zo\u00c3\u00ab"]], rename: [["x-a", "X-B"]] }],
  });
  const bare = trunkOf([]).trunk;
  for (const field of [
    "rewrite",
    "identity",
    "codecsMode",
    "callQueueMs",
    "callerNumbersAllowed",
    "backupTrunks",
    "backupOn",
    "egressListener",
  ])
    assert.ok(!(field in bare), field);
});

test("backups and egress listeners are looked up", () => {
  const { trunk, snapshot } = trunkOf(
    ["backup_trunks: second", "backup_on: [403, 5xx, timeout]"],
    '  - {name: second, listener: main, egress_listener: other, uri: "sip:198.51.100.2;transport=tcp"}\n',
  );
  assert.deepEqual([trunk.backupTrunks, trunk.backupOn], [["second"], ["403", "5xx", "timeout"]]);
  const plan = planCall({
    snapshot,
    source: snapshot.gateways.get("ai")!,
    calledUser: "+4930",
    callerUser: "",
    healthOf: () => undefined,
    nowMs: 0,
    dice: () => 0,
  });
  assert.ok(plan.type === "dial");
  assert.deepEqual(
    plan.attempts.map(({ peer }) => [peer.name, peer.listener]),
    [
      ["carrier", "main"],
      ["second", "other"],
    ],
  );
});

test("every wrong rule is refused with its place and what would be right", () => {
  for (const [field, place, message] of [
    ['rewrite: {inbound_called: [{match: "8", replace: "7"}]}', "rewrite.inbound_called[0].match", /without \^/],
    ['rewrite: {inbound_called: [{match: "^(\\\\d+)+$", replace: ""}]}', "rewrite.inbound_called[0].match", /repeats a group/],
    ['rewrite: {outbound_caller: [{match: "^0", replace: "$1"}]}', "rewrite.outbound_caller[0].replace", /replace/],
    ["rewrite: {called: []}", "rewrite.called", /unknown field/],
    ["identity: {send: [diversion]}", "identity.send[0]", /not one of/],
    ["backup_trunks: [carrier]", "backup_trunks[0]", /its own backup/],
    ["backup_trunks: [nobody]", "backup_trunks[0]", /no trunk nobody/],
    ["backup_trunks: [theirs]", "backup_trunks[0]", /of tenant them/],
    ["backup_on: [486]", "backup_on[0]", /the person called/],
    ["backup_on: [bad]", "backup_on[0]", /not a failure/],
    ["egress_listener: mian", "egress_listener", /no listener mian/],
    ["egress_listener: other", "uri", /wants UDP/],
    ["calls_per_second_outbound: 0", "calls_per_second_outbound", /out of range/],
    ["call_queue_ms: 60000", "call_queue_ms", /out of range/],
    ["codecs_mode: prefer", "codecs_mode", /not one of/],
    ["headers: {pass: [Diversion]}", "headers.pass[0]", /other side/],
    ["headers: {set: {X-*: 1}}", "headers.set.X-*", /whole name/],
    ["headers: {rules: [{pass: X-A}]}", "headers.rules[0]", /on is missing/],
    ["headers: {rules: [{on: REFER}]}", "headers.rules[0].on", /not one of/],
    ['headers: {rules: [{on: BYE, set: {X-A: "a\\r\\nVia: b"}}]}', "headers.rules[0].set.X-A", /not a header value/],
    ["headers: {rules: [{on: BYE, rename: {X-A: Via}}]}", "headers.rules[0].rename.X-A", /always written/],
  ] as const) {
    const loaded = load([field], "  - {name: theirs, tenant: them, listener: main, uri: sip:198.51.100.9}\n");
    assert.ok(!loaded.ok, field);
    const found = loaded.problems.find((problem) => problem.field === `trunks[0].${place}`);
    assert.ok(found, `${field}: ${JSON.stringify(loaded.problems)}`);
    assert.match(found.message, message);
    assert.notEqual(found.remedy, "");
    assert.ok(found.line > 0);
  }
  const own = load(['caller_number: "+4989"', 'caller_numbers_allowed: ["+4930*"]']);
  assert.ok(!own.ok && own.problems[0]?.field === "trunks[0].caller_number");
});

test("what is never reached is a warning", () => {
  const { warnings } = trunkOf(["calls_max: 5", "calls_max_outbound: 9", "codecs_mode: order"]);
  assert.deepEqual(
    warnings.map(({ field }) => field),
    ["trunks[0].calls_max_outbound", "trunks[0].codecs_mode"],
  );
});
