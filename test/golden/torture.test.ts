/** The torture messages and carrier messages against the message layer (torture.ts has the verdicts). */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { answerable } from "#sip/message/answerable.ts";
import { buildResponse } from "#sip/message/build-response.ts";
import { checkRequest, checkResponse } from "#sip/message/check-request.ts";
import { StreamFramer } from "#sip/message/frame-stream.ts";
import type { ReceivedMessage, ReceivedRequest } from "#sip/message/message.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import { unquote } from "#sip/message/quoted-string.ts";
import { q850CauseOf } from "#sip/message/reason.ts";
import { serializeRequest, serializeResponse, toOutgoing } from "#sip/message/serialize.ts";
import { codecsOf } from "#sdp/codecs.ts";
import type { SessionDescription } from "#sdp/description.ts";
import { parseSdp } from "#sdp/parse-sdp.ts";
import { CARRIERS, type Expectation, RFC_4475, RFC_5118, type Verdict } from "./torture.ts";

const CORPORA = fileURLToPath(new URL("../../../shared/corpora/", import.meta.url));
const skip = existsSync(CORPORA) ? false : "the corpora are not beside this checkout";
const SETS: readonly (readonly [folder: string, table: readonly Expectation[], count: number])[] = [
  ["rfc4475", RFC_4475, 49],
  ["rfc5118", RFC_5118, 12],
  ["traces-transcribed", CARRIERS, 10],
];

const bytesOf = (path: string): Buffer => readFileSync(CORPORA + path);
function read(path: string): ReceivedMessage {
  const message = parseMessage(bytesOf(path));
  assert.ok(message.ok, path);
  return message.value;
}
const request = (path: string): ReceivedRequest => {
  const message = read(path);
  assert.equal(message.kind, "request");
  return message as ReceivedRequest;
};
function sdpOf(path: string): SessionDescription {
  const description = parseSdp(read(path).body);
  assert.ok(description.ok, path);
  return description.value;
}

function verdictOn(bytes: Buffer): Verdict {
  const message = parseMessage(bytes);
  if (!message.ok) return answerable(bytes.latin1Slice()) === undefined ? "dropped" : 400;
  if (message.value.kind === "response") return checkResponse(message.value) ? "accepted" : "dropped";
  return checkRequest(message.value)?.status ?? "accepted";
}

for (const [folder, table, count] of SETS) {
  test(`${folder}: each of ${count} messages gets its verdict`, { skip }, () => {
    assert.equal(table.length, count);
    assert.deepEqual(table.map(({ file }) => file).toSorted(), readdirSync(CORPORA + folder).toSorted());
    const wrong = table
      .filter(({ file, verdict }) => verdictOn(bytesOf(`${folder}/${file}`)) !== verdict)
      .map(({ file, why }) => `${file}: ${why}`);
    assert.deepEqual(wrong, []);
  });

  test(`${folder}: a refused request gets a response that is a message itself`, { skip }, () => {
    for (const { file, verdict } of table) {
      if (typeof verdict !== "number") continue;
      const wire = serializeResponse(
        buildResponse(request(`${folder}/${file}`), verdict, undefined, { toTag: "t", received: { address: "192.0.2.9", rport: 5060 } }),
      );
      const response = parseMessage(wire);
      assert.ok(response.ok && response.value.kind === "response" && response.value.status === verdict, file);
    }
  });

  test(`${folder}: serialized and parsed again each message says the same`, { skip }, () => {
    for (const { file } of table) {
      const message = parseMessage(bytesOf(`${folder}/${file}`));
      if (!message.ok) continue;
      const once = toOutgoing(message.value);
      const again = parseMessage("method" in once ? serializeRequest(once) : serializeResponse(once));
      assert.ok(again.ok, file);
      assert.deepEqual(toOutgoing(again.value), once, file);
    }
  });
}

test("wsinv: every value is read through its white space (RFC 4475 §3.1.1.1)", { skip }, () => {
  const invite = request("rfc4475/wsinv.dat");
  const to = invite.to();
  const from = invite.from();
  const vias = invite.vias();
  const contact = invite.contact();
  assert.ok(to.ok && from.ok && vias.ok && contact.ok && typeof contact.value === "object");
  assert.deepEqual([to.value.uriText, invite.toTag()], ["sip:vivekg@chair-dnrc.example.com", "1918181833n"]);
  assert.deepEqual([from.value.displayName, invite.fromTag()], ['J Rosenberg \\"', "98asjd8"]);
  assert.deepEqual(invite.maxForwards(), { ok: true, value: 68 });
  assert.deepEqual(invite.cseq(), { ok: true, value: { number: 9, method: "INVITE" } });
  assert.deepEqual(
    vias.value.map((via) => [via.transport, via.host, via.branch]),
    [
      ["UDP", "192.0.2.2", "390skdjuw"],
      ["TCP", "spindle.example.com", "z9hG4bK9ikj8"],
      ["UDP", "192.168.255.111", "z9hG4bK30239"],
    ],
  );
  assert.equal(invite.header("Subject"), "");
  assert.equal(invite.header("NewFangledHeader"), "newfangled value continued newfangled value");
  assert.equal(invite.header("UnknownHeaderWithUnusualValue"), ";;,,;;,;");
  assert.equal(contact.value.displayName, 'Quoted string ""');
  assert.deepEqual(
    [...contact.value.parameters],
    [
      ["newparam", "newvalue"],
      ["secondparam", undefined],
      ["q", "0.33"],
    ],
  );
  const routes = invite.routes();
  assert.ok(routes.ok && routes.value[0]?.uri.parameters.has("unknown-no-value"));
});

test("intmeth: strange characters stay where they belong (§3.1.1.2)", { skip }, () => {
  const read = request("rfc4475/intmeth.dat");
  assert.equal(read.method, "!interesting-Method0123456789_*+`.%indeed'~");
  const uri = read.uri();
  assert.ok(uri.ok);
  assert.deepEqual(
    [uri.value.user, uri.value.password, uri.value.host],
    ["1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*", "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)", "example.com"],
  );
  const from = read.from();
  assert.ok(from.ok);
  assert.equal(from.value.displayName, "token1~` token2'+_ token3*%!.-");
  assert.equal(Buffer.from(unquote(from.value.parameters.get("fromparam''~+*_!.-%") ?? ""), "latin1").toString(), "работающий");
  const to = read.to();
  assert.ok(to.ok && to.value.displayName === "BEL:\x07 NUL:\0 DEL:\x7f");
});

test("esc01, escnull, semiuri: users are unescaped (§3.1.1.3, .4, .9)", { skip }, () => {
  const user = (path: string): string | undefined => {
    const uri = request(path).uri();
    return uri.ok ? uri.value.user : undefined;
  };
  assert.equal(user("rfc4475/esc01.dat"), "sips:user@example.com");
  assert.equal(user("rfc4475/semiuri.dat"), "user;par=u@example.net");
  const to = request("rfc4475/escnull.dat").to();
  assert.ok(to.ok && to.value.uri.user === "null-\0-null");
  const contacts = request("rfc4475/escnull.dat").contacts();
  assert.ok(contacts.ok && contacts.value.map(({ uri }) => uri.user?.length).join() === "1,2");
});

test("dblreq is two messages on a stream and one in a datagram (§3.1.1.8)", { skip }, () => {
  assert.equal(read("rfc4475/dblreq.dat").body, "");
  const framed = new StreamFramer().push(bytesOf("rfc4475/dblreq.dat"));
  assert.deepEqual(
    framed.filter(({ type }) => type === "message").map((one) => (one.type === "message" ? one.wire.slice(0, 8) : "")),
    ["REGISTER", "INVITE s"],
  );
});

test("cparam01 and cparam02: the parameter belongs to the header in the one, to the URI in the other (§3.3.12, .13)", { skip }, () => {
  const sizes = (path: string): number[] => {
    const contact = request(path).contact();
    assert.ok(contact.ok && typeof contact.value === "object");
    return [contact.value.parameters.size, contact.value.uri.parameters.size];
  };
  assert.deepEqual(sizes("rfc4475/cparam01.dat"), [1, 0]);
  assert.deepEqual(sizes("rfc4475/cparam02.dat"), [0, 1]);
});

test("IPv6 references lose their brackets and keep their ports (RFC 5118)", { skip }, () => {
  const place = (path: string): unknown[] => {
    const uri = request(`rfc5118/${path}`).uri();
    return uri.ok ? [uri.value.host, uri.value.port] : [];
  };
  assert.deepEqual(place("port-ambiguous"), ["2001:db8::10:5070", undefined]);
  assert.deepEqual(place("port-unambiguous"), ["2001:db8::10", 5070]);
  for (const file of ["via-received-param-no-delim", "via-received-param-with-delim"]) {
    const via = request(`rfc5118/${file}`).topVia();
    assert.ok(via.ok && via.value.received === "2001:db8::9:255", file);
  }
  assert.equal(sdpOf("rfc5118/ipv6-in-sdp").connection?.address, "2001:db8::20");
  assert.deepEqual(
    sdpOf("rfc5118/mult-ip-in-sdp").media.map(({ connection }) => connection?.address),
    ["192.0.2.1", "2001:db8::1"],
  );
});

test("carriers: codecs, tel: and Reason are found", { skip }, () => {
  const codecs = (file: string): string[] => codecsOf(sdpOf(`traces-transcribed/${file}`).media[0]!).map(({ name }) => name);
  assert.deepEqual(codecs("audiocodes-200-lowercase-pcma-pt-order.sip"), ["pcma", "telephone-event"]);
  assert.deepEqual(codecs("cisco-ios-invite-rpid-handling-required-multi-codec.sip"), ["PCMA", "G723", "G729", "PCMU"]);
  assert.equal(q850CauseOf(read("traces-transcribed/twilio-bye-reason-q850.sip")), 16);
  const uri = request("traces-transcribed/samsung-volte-invite-ipv6-evs-precondition.sip").uri();
  assert.ok(uri.ok && uri.value.scheme === "tel" && uri.value.user === "+18559990200");
  assert.equal(read("traces-transcribed/meta-whatsapp-via-twilio-invite-dup-content-type.sip").contentType(), "application/sdp");
});
