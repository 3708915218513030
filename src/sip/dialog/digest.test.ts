/** Challenged requests: INVITE, re-INVITE and what else a dialog sends (RFC 3261 §22; RFC 7616). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Account } from "#sip/auth/digest-client.ts";
import { DigestServer } from "#sip/auth/digest-server.ts";
import type { ReceivedRequest } from "#sip/message/message.ts";
import { sdp } from "../../../test/kit/virtual-agent.ts";
import { virtualPair } from "../../../test/kit/virtual-pair.ts";
import { respondInDialog } from "./respond.ts";
import type { FailureOutcome, IncomingInvite } from "./user-agent.ts";

const secret = (text: string) => ({ reveal: () => text });
const credentials: Account = { username: "100", passwords: [secret("right")], realm: undefined };

function challengingPair() {
  const pair = virtualPair();
  const { clock, bob } = pair;
  let dice = 0;
  const digest = new DigestServer({
    key: new Uint8Array(32),
    nowMs: () => clock.nowMs(),
    random: () => dice++,
    userOf: () => ({ passwords: [secret("right")], algorithms: ["MD5"] }),
  });
  /** Challenges what has no credentials, or wrong ones; true where they are right. */
  const examined = (request: ReceivedRequest, refuse: (headers: ReturnType<DigestServer["challenge"]>) => void): boolean => {
    const verdict = digest.examine(request, "192.0.2.1");
    if (verdict.type !== "proved")
      refuse(digest.challenge("example.net", "192.0.2.1", verdict.type === "failed" && verdict.stale, ["MD5"]));
    return verdict.type === "proved";
  };
  const accept = (invite: IncomingInvite): void => {
    if (examined(invite.request, (headers) => invite.reject(401, "Unauthorized", headers)))
      bob.dialog = invite.answer(sdp("answer"), bob.dialogUser);
  };
  bob.onCall = accept;
  bob.onReinvited = accept;
  return { ...pair, examined };
}
const sequences = (network: { readonly packets: readonly { readonly wire: string }[] }, method: string): readonly (string | undefined)[] =>
  network.packets.filter(({ wire }) => wire.startsWith(`${method} `)).map(({ wire }) => /CSeq: (\d+)/.exec(wire)?.[1]);

test("a challenged INVITE goes out again with the next CSeq, and its ACK carries the same credentials (§22.1, §22.2)", () => {
  const { clock, network, alice, bob, end } = challengingPair();
  const call = alice.call(bob, { credentials });
  clock.advance(200);
  assert.deepEqual(alice.heard, ["trying", "answered"]);
  assert.deepEqual(sequences(network, "INVITE"), ["1", "2"]);
  const [refused, acknowledged] = network.packets.filter(({ wire }) => wire.startsWith("ACK "));
  assert.match(refused!.wire, /CSeq: 1 ACK/);
  const ofInvite = /Authorization: .*/.exec(network.packets.findLast(({ wire }) => wire.startsWith("INVITE "))!.wire)?.[0];
  assert.ok(ofInvite !== undefined && acknowledged!.wire.includes(ofInvite));
  assert.match(acknowledged!.wire, /CSeq: 2 ACK/);
  assert.equal(call.dialog!.state.localSequence, 2);
  call.dialog!.bye();
  end();
});

test("a dialog remembers the nonce: what it sends later is not challenged again", () => {
  const { clock, network, alice, bob, end, examined } = challengingPair();
  const call = alice.call(bob, { credentials });
  clock.advance(200);
  alice.reinvite(call.dialog!);
  clock.advance(200);
  assert.deepEqual(sequences(network, "INVITE"), ["1", "2", "3"]);
  const verdicts: boolean[] = [];
  bob.onDialogRequest = (transaction) => {
    if (verdicts.push(examined(transaction.request, () => {})) > 0) respondInDialog(transaction, 200, "OK");
  };
  call.dialog!.request("INFO", { headers: [], body: "" }, () => {});
  clock.advance(200);
  assert.deepEqual(verdicts, [true]);
  call.dialog!.bye();
  clock.advance(50);
  assert.match(network.packets.find(({ wire }) => wire.startsWith("BYE "))!.wire, /\r\nAuthorization: Digest .*nc=00000004/);
  end();
});

test("an old nonce is renewed in mid-dialog, for a re-INVITE and for INFO", () => {
  const { clock, network, alice, bob, end, examined } = challengingPair();
  const call = alice.call(bob, { credentials });
  clock.advance(200);
  clock.advance(400_000);
  alice.reinvite(call.dialog!);
  clock.advance(300);
  assert.deepEqual(alice.heard.at(-1), "re-INVITE answered");
  assert.deepEqual(sequences(network, "INVITE"), ["1", "2", "3", "4"]);
  clock.advance(400_000);
  bob.onDialogRequest = (transaction) => {
    const right = examined(transaction.request, (headers) => respondInDialog(transaction, 401, "Unauthorized", { headers, body: "" }));
    if (right) respondInDialog(transaction, 200, "OK");
  };
  const outcomes: FailureOutcome[] = [];
  call.dialog!.request("INFO", { headers: [], body: "" }, (outcome) => outcomes.push(outcome));
  clock.advance(300);
  assert.deepEqual(
    outcomes.map((outcome) => outcome.type === "response" && outcome.response.status),
    [200],
  );
  assert.deepEqual(sequences(network, "INFO"), ["5", "6"]);
  call.dialog!.bye();
  end();
});

test("a wrong password ends in the 401, once", () => {
  const { clock, network, alice, bob, end } = challengingPair();
  alice.call(bob, { credentials: { ...credentials, passwords: [secret("wrong")] } });
  clock.advance(300);
  assert.deepEqual(alice.heard, ["trying", "failed 401"]);
  assert.deepEqual(sequences(network, "INVITE"), ["1", "2"]);
  end();
});

test("without credentials a challenge is a failure like any other", () => {
  const { clock, network, alice, bob, end } = challengingPair();
  alice.call(bob);
  clock.advance(300);
  assert.deepEqual(alice.heard, ["failed 401"]);
  assert.deepEqual(sequences(network, "INVITE"), ["1"]);
  end();
});

test("CANCEL after the challenge belongs to the second INVITE (§9.1)", () => {
  const { clock, network, alice, bob, end, examined } = challengingPair();
  bob.onCall = (invite) =>
    void (
      examined(invite.request, (headers) => invite.reject(401, "Unauthorized", headers)) &&
      invite.provisional(180, "Ringing", { headers: [], body: "" })
    );
  const call = alice.call(bob, { credentials });
  clock.advance(200);
  call.invite.cancel();
  clock.advance(200);
  assert.deepEqual(alice.heard, ["trying", "180", "failed 487"]);
  assert.deepEqual(sequences(network, "CANCEL"), ["2"]);
  end();
});

test("a successor of a process that died while the second INVITE rang cancels that one", () => {
  const { clock, network, alice, bob, examined } = challengingPair();
  let cancelled = 0;
  bob.onCall = (invite) => {
    if (!examined(invite.request, (headers) => invite.reject(401, "Unauthorized", headers))) return;
    invite.onCancelled = () => void cancelled++;
    invite.provisional(180, "Ringing", { headers: [], body: "" });
  };
  const parameters = alice.parameters(bob, { credentials });
  const journaled: number[] = [];
  const deaf = { onTrying: () => {}, onProvisional: () => {}, onAnswer: () => {}, onFailure: () => {} };
  alice.agent.invite(parameters, { ...deaf, onResend: (sequence) => journaled.push(sequence) }, alice.dialogUser);
  clock.advance(200);
  assert.deepEqual(journaled, [2]);
  alice.boot();
  const { credentials: _, ...kept } = parameters;
  alice.agent.recoverInvite({ ...kept, sequence: journaled[0]! });
  clock.advance(200);
  assert.equal(cancelled, 1);
  assert.deepEqual(sequences(network, "CANCEL"), ["2"]);
});

test("a request outside dialogs is repeated with credentials as well", () => {
  const { clock, network, alice, bob } = challengingPair();
  const { localContact: _, ...parameters } = alice.parameters(bob, { credentials, sequence: 7 });
  const statuses: (number | string)[] = [];
  alice.agent.request({ ...parameters, method: "MESSAGE" }, (outcome) =>
    statuses.push(outcome.type === "response" ? outcome.response.status : outcome.type),
  );
  clock.advance(400);
  assert.deepEqual(sequences(network, "MESSAGE")[0], "7");
  assert.equal(statuses.length, 1);
});
