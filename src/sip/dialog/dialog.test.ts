/** The dialog as data: what makes it, what its requests say, where they go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReceivedRequest, ReceivedResponse } from "#sip/message/message.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import type { Flow, Target } from "#sip/transport/transport.ts";
import { belongsTo, countRequest, dialogOfUac, dialogOfUas, refreshTarget, requestInDialog, seenAt, withoutTag } from "./dialog.ts";
import { nextHop } from "./next-hop.ts";
import { NO_PARTS } from "./respond.ts";
import type { DialogState, InviteParameters } from "./user-agent.ts";

const flow: Flow = {
  transport: "UDP",
  listener: "main",
  localAddress: "192.0.2.1",
  localPort: 5060,
  remoteAddress: "198.51.100.7",
  remotePort: 5080,
  connection: 0,
};
const request = (lines: readonly string[], method = "INVITE"): ReceivedRequest => {
  const wire = [`${method} sip:us@192.0.2.1 SIP/2.0`, "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKx", ...lines, "", ""].join("\r\n");
  const message = parseMessage(wire);
  assert.ok(message.ok && message.value.kind === "request");
  return message.value;
};
const response = (lines: readonly string[]): ReceivedResponse => {
  const message = parseMessage(["SIP/2.0 200 OK", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx", ...lines, "", ""].join("\r\n"));
  assert.ok(message.ok && message.value.kind === "response");
  return message.value;
};
const INVITE = [
  'From: "A, B" <sip:a@example.com;x=1>;tag=theirs;y=2',
  "To: sip:us@192.0.2.1",
  "Call-ID: c1",
  "CSeq: 314 INVITE",
  "Contact: <sip:a@198.51.100.7:5080>",
  "Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com;lr>",
  "Allow: INVITE, UPDATE",
];
const parameters: InviteParameters = {
  requestUri: "sip:b@example.net",
  target: { transport: "UDP", listener: "main", address: "198.51.100.7", port: 5060 },
  routeSet: [],
  localUri: "<sip:us@example.com>",
  remoteUri: "<sip:b@example.net>",
  localTag: "ours",
  sipCallId: "c2",
  localContact: "sip:ours@192.0.2.1",
  branchPrefix: "ours",
  maxForwards: 69,
  headers: [],
  body: "",
};

test("the UAS takes the route set in order, the UAC reversed (§12.1.1, §12.1.2)", () => {
  const uas = dialogOfUas(request(INVITE), flow, "ours", "sip:ours@192.0.2.1", true);
  assert.deepEqual(uas, {
    sipCallId: "c1",
    localUri: "sip:us@192.0.2.1",
    localTag: "ours",
    remoteUri: '"A, B" <sip:a@example.com;x=1>;y=2',
    remoteTag: "theirs",
    localSequence: 0,
    remoteSequence: 314,
    remoteTarget: "sip:a@198.51.100.7:5080",
    routeSet: ["<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>"],
    localContact: "sip:ours@192.0.2.1",
    target: { transport: "UDP", listener: "main", address: "198.51.100.7", port: 5080 },
    confirmed: true,
    peerAllows: ["INVITE", "UPDATE"],
  } satisfies DialogState);
  const uac = dialogOfUac(
    parameters,
    response([
      "From: <sip:us@example.com>;tag=ours",
      "To: <sip:b@example.net>;tag=t",
      "Call-ID: c2",
      "CSeq: 1 INVITE",
      "Record-Route: <sip:p2.example.com;lr>",
      "Record-Route: <sip:p1.example.com;lr>",
      "Contact: <sip:b@203.0.113.5>",
    ]),
    flow,
    true,
  );
  assert.deepEqual(uac.routeSet, ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"]);
  assert.equal(uac.remoteTarget, "sip:b@203.0.113.5");
  assert.equal(uac.remoteTag, "t");
  assert.deepEqual([uac.localSequence, uac.remoteSequence], [1, undefined]);
});

test("a peer without tag or Contact still makes a dialog (RFC 2543)", () => {
  const uas = dialogOfUas(
    request(["From: sip:a@example.com", "To: sip:us@192.0.2.1", "Call-ID: c1", "CSeq: 1 INVITE"]),
    flow,
    "ours",
    "sip:o@h",
    true,
  );
  assert.equal(uas.remoteTag, "");
  assert.equal(uas.remoteTarget, "sip:a@example.com");
  const bye = requestInDialog(uas, "BYE", 1, NO_PARTS);
  assert.equal(bye.headers.find(([name]) => name === "To")?.[1], "sip:a@example.com");
});

test("only the tag is cut from From and To", () => {
  for (const [value, rest] of [
    ["<sip:a@b;tag=uri>;tag=1", "<sip:a@b;tag=uri>"],
    ["sip:a@b;tag=1", "sip:a@b"],
    ["sip:a@b;x=1 ; TAG = 1;y", "sip:a@b;x=1;y"],
    ['"q;\\"<tag=2" <sip:a@b>;z="a;tag=9";tag=1', '"q;\\"<tag=2" <sip:a@b>;z="a;tag=9"'],
    ["<sip:a@b>", "<sip:a@b>"],
    ["<sip:a@b>;tagged=1", "<sip:a@b>;tagged=1"],
    ["", ""],
  ] as const)
    assert.equal(withoutTag(value), rest);
});

test("what belongs to a dialog and in which order (§12.2.2)", () => {
  const state = dialogOfUas(request(INVITE), flow, "ours", "sip:o@h", true);
  const inDialog = (cseq: number, callId = "c1", tag = "theirs"): ReceivedRequest =>
    request(
      [`From: <sip:a@example.com>;tag=${tag}`, "To: <sip:us@192.0.2.1>;tag=ours", `Call-ID: ${callId}`, `CSeq: ${cseq} INFO`],
      "INFO",
    );
  assert.ok(belongsTo(state, inDialog(1)));
  assert.ok(!belongsTo(state, inDialog(1, "c9")));
  assert.ok(!belongsTo(state, inDialog(1, "c1", "other")));
  assert.equal(countRequest(state, inDialog(313)), undefined);
  assert.equal(countRequest(state, inDialog(314)), state);
  assert.equal(countRequest(state, inDialog(999))?.remoteSequence, 999);
  assert.equal(countRequest({ ...state, remoteSequence: undefined }, inDialog(5))?.remoteSequence, 5);
});

test("a target refresh takes the new Contact and place, not the routes (§12.2)", () => {
  const state = dialogOfUas(request(INVITE), flow, "ours", "sip:o@h", true);
  assert.equal(refreshTarget(state, request(INVITE), flow), state);
  const moved = request([...INVITE.slice(0, 4), "Contact: <sip:a@198.51.100.9>", "Record-Route: <sip:other;lr>", "Allow: INVITE"]);
  const next = refreshTarget(state, moved, { ...flow, transport: "TCP", remoteAddress: "198.51.100.9", connection: 4 });
  assert.equal(next.remoteTarget, "sip:a@198.51.100.9");
  assert.deepEqual(next.target, { transport: "TCP", listener: "main", address: "198.51.100.9", port: 5080, connection: 4 });
  assert.deepEqual(next.routeSet, state.routeSet);
  assert.deepEqual(next.peerAllows, ["INVITE"]);
});

test("requests take loose routes as they are, and turn them round for a strict router (§12.2.1.1)", () => {
  const state = dialogOfUas(request(INVITE), flow, "ours", "sip:o@h", true);
  const routes = (routeSet: readonly string[]): readonly [string, readonly string[]] => {
    const made = requestInDialog({ ...state, routeSet }, "INFO", 7, {
      headers: [["Max-Forwards", "12"]],
      contentType: "text/plain",
      body: "x",
    });
    assert.deepEqual(
      made.headers.filter(([name]) => name === "Max-Forwards").map(([, value]) => value),
      ["12"],
    );
    assert.deepEqual(made.headers.at(-1), ["Content-Type", "text/plain"]);
    return [made.requestUri, made.headers.filter(([name]) => name === "Route").map(([, value]) => value)];
  };
  assert.deepEqual(routes([]), ["sip:a@198.51.100.7:5080", []]);
  assert.deepEqual(routes(["<sip:p1;lr>", "<sip:p2>"]), ["sip:a@198.51.100.7:5080", ["<sip:p1;lr>", "<sip:p2>"]]);
  assert.deepEqual(routes(["<sip:p1;method=INVITE;x=1?Subject=y>", "<sip:p2;lr>"]), [
    "sip:p1;x=1",
    ["<sip:p2;lr>", "<sip:a@198.51.100.7:5080>"],
  ]);
});

test("whoever stands behind NAT is met where its last request came from, whatever address it names", () => {
  const uas = { ...dialogOfUas(request(INVITE), flow, "ours", "sip:o@h", true), behindNat: true };
  const asked: string[] = [];
  const locate = (uri: string): readonly Target[] => (asked.push(uri), []);
  const hop = (remoteTarget: string, routeSet: readonly string[] = []) => nextHop({ ...uas, remoteTarget, routeSet }, { locate });
  for (const own of ["sip:a@10.0.0.1:5060", "sip:a@10.0.0.1;transport=tcp", "sip:a@[fd00::1]", "sips:a@10.0.0.1"])
    assert.deepEqual(hop(own), uas.target);
  assert.deepEqual(hop("sip:a@10.0.0.1", ["<sip:10.0.0.2;lr>"]), uas.target);
  assert.deepEqual(asked, []);
  // A name is a server's, which is where it says.
  hop("sip:a@10.0.0.1", ["<sip:proxy.example.com;lr>"]);
  assert.deepEqual(asked, ["sip:proxy.example.com;lr"]);

  const moved = seenAt(uas, { ...flow, remotePort: flow.remotePort + 1 });
  assert.equal(moved.target.port, uas.target.port + 1);
  assert.equal(seenAt(uas, flow), uas);
  const { behindNat: _, ...open } = uas;
  assert.equal(seenAt(open, { ...flow, remotePort: 9 }), open);
});

test("a request in the dialog goes to the first route or the remote target, by address where there is one", async () => {
  const state = dialogOfUas(request(INVITE), flow, "ours", "sip:o@h", true);
  const found: Target = { transport: "UDP", listener: "main", address: "203.0.113.1", port: 5062 };
  const hop = (remoteTarget: string, routeSet: readonly string[] = [], answer: readonly Target[] = [found], target = state.target) =>
    nextHop({ ...state, remoteTarget, routeSet, target }, { locate: () => answer });
  const at = (address: string, port: number, transport: Target["transport"] = "UDP"): Target => ({
    transport,
    listener: "main",
    address,
    port,
  });
  assert.deepEqual(hop("sip:a@198.51.100.7:5080"), at("198.51.100.7", 5080));
  assert.deepEqual(hop("sip:a@198.51.100.7"), at("198.51.100.7", 5060));
  const six = at("2001:db8::1", 5060);
  assert.deepEqual(hop("sip:a@[2001:db8::9]:5070", [], [], six), at("2001:db8::9", 5070));
  // Whether the listener has another transport or family is the locator's to say.
  for (const elsewhere of ["sip:a@[2001:db8::9]:5070", "sip:a@198.51.100.7;transport=tcp", "sip:a@198.51.100.7;transport=tls"]) {
    assert.deepEqual(hop(elsewhere), found);
    assert.deepEqual(hop(elsewhere, [], []), state.target);
  }
  const secure = at("198.51.100.7", 41000, "TLS");
  assert.deepEqual(hop("sip:a@198.51.100.7", [], [], secure), at("198.51.100.7", 5061, "TLS"));
  assert.deepEqual(hop("sip:a@example.com;maddr=198.51.100.8"), at("198.51.100.8", 5060));
  assert.deepEqual(hop("sip:a@198.51.100.7", ["<sip:198.51.100.1:5099;lr>"]), at("198.51.100.1", 5099));
  assert.deepEqual(hop("sip:a@198.51.100.7", ["<sip:198.51.100.1:5099>"]), at("198.51.100.1", 5099));
  assert.deepEqual(hop("sip:a@example.com"), found);
  assert.deepEqual(hop("sip:a@example.com", [], []), state.target);
  assert.deepEqual(hop("tel:+15551234"), state.target);
  assert.deepEqual(hop("not a uri"), state.target);
  // A peer behind NAT that came over TCP is met on its connection.
  const seen: Target = { transport: "TCP", listener: "main", address: "198.51.100.7", port: 41000, connection: 9 };
  assert.deepEqual(hop("sip:a@10.0.0.1:5060", [], [], seen), {
    transport: "TCP",
    listener: "main",
    address: "10.0.0.1",
    port: 5060,
    connection: 9,
  });
  assert.deepEqual(hop("sip:a@10.0.0.1:5060;transport=udp", [], [at("10.0.0.1", 5060)], seen), at("10.0.0.1", 5060));
  const failing = nextHop(
    { ...state, remoteTarget: "sip:a@example.com", routeSet: [] },
    { locate: () => Promise.reject(new Error("no DNS")) },
  );
  assert.deepEqual(await failing, state.target);
});
