import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import fc from "fast-check";
import type { ReceivedRequest, ReceivedResponse } from "#sip/message/message.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import { type Algorithm, digestResponse } from "./algorithms.ts";
import { type Account, NO_MEMORY, answerChallenges, authorize, beginRequest, tryOtherPassword } from "./digest-client.ts";
import { DigestServer } from "./digest-server.ts";
import { parseChallenges, parseCredentials, writeChallenge, writeCredentials } from "./parse-digest.ts";

const VECTORS = fileURLToPath(new URL("../../../../shared/corpora/vectors/digest.json", import.meta.url));
interface Vector {
  readonly source: string;
  readonly alg: Algorithm;
  readonly user: string;
  readonly realm: string;
  readonly pw: string;
  readonly nonce: string;
  readonly method: string;
  readonly uri: string;
  readonly qop?: "auth" | "auth-int";
  readonly nc?: string;
  readonly cnonce?: string;
  readonly body?: string;
  readonly response: string;
}
const vectors = existsSync(VECTORS) ? (JSON.parse(readFileSync(VECTORS, "utf8")) as readonly Vector[]) : [];

test("digest vectors (RFC 2617 §3.5, RFC 7616 §3.9.1 and SIP-shaped)", {
  skip: vectors.length === 0 ? "0 vectors: the corpora are not here" : false,
}, () => {
  for (const { source, alg, user, pw, nc, cnonce, body, response, qop, ...rest } of vectors) {
    const input = {
      ...rest,
      algorithm: alg,
      username: user,
      password: pw,
      qop,
      nonceCount: nc ?? "",
      cnonce: cnonce ?? "",
      body: body ?? "",
    };
    assert.equal(digestResponse(input), response, `${source} ${alg} ${qop ?? "no qop"}`);
  }
});

test("the published MD5 example (RFC 2617 §3.5)", () => {
  const input = {
    algorithm: "MD5",
    username: "Mufasa",
    realm: "testrealm@host.com",
    password: "Circle Of Life",
    nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    method: "GET",
    uri: "/dir/index.html",
    qop: "auth",
    nonceCount: "00000001",
    cnonce: "0a4f113b",
    body: "",
  } as const;
  assert.equal(digestResponse(input), "6629fae49393a05397450978507c4ef1");
  // RFC 7616 §3.4.2: the session key replaces the user's.
  assert.notEqual(digestResponse({ ...input, algorithm: "MD5-sess" }), digestResponse(input));
});

const secret = (text: string) => ({ reveal: () => text });
const account: Account = { username: "100", passwords: [secret("right")], realm: undefined };
const cnonce = () => "c0ffee";

function message<K extends "request" | "response">(
  kind: K,
  start: string,
  ...headers: readonly string[]
): K extends "request" ? ReceivedRequest : ReceivedResponse {
  const read = parseMessage(
    [
      start,
      "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa",
      "From: <sip:a@x>;tag=1",
      "To: <sip:b@x>",
      "Call-ID: c",
      "CSeq: 1 INVITE",
      ...headers,
      "Content-Length: 0",
      "",
      "",
    ].join("\r\n"),
  );
  assert.ok(read.ok && read.value.kind === kind);
  return read.value as never;
}
const challenged = (...challenges: readonly string[]) =>
  message("response", "SIP/2.0 401 Unauthorized", ...challenges.map((one) => `WWW-Authenticate: ${one}`));
const invite = (...headers: readonly string[]) => message("request", "INVITE sip:+1555@pbx.test SIP/2.0", ...headers);

test("a header line with several challenges, other schemes, missing quotes and doubled commas is read", () => {
  const [first, second, ...more] = parseChallenges([
    'Basic realm="x", Digest realm="a, \\"b\\"", nonce=n1,, qop=auth,auth-int, algorithm=sha-256, Digest realm="c",nonce="n2"',
    'Digest realm="y", nonce="z", algorithm=ROT13',
    'Digest realm="no nonce"',
  ]);
  assert.deepEqual(first, { realm: 'a, "b"', nonce: "n1", algorithm: "SHA-256", qops: ["auth"], opaque: undefined, stale: false });
  assert.deepEqual(second, { realm: "c", nonce: "n2", algorithm: "MD5", qops: [], opaque: undefined, stale: false });
  assert.deepEqual(more, []);
});

test("what is written is read back, whatever stands in the quotes", () => {
  const text = fc.string({ maxLength: 20 }).filter((one) => !/[\r\n]/.test(one) && [...one].every((c) => c.charCodeAt(0) < 256));
  fc.assert(
    fc.property(text, text, text, fc.boolean(), (realm, nonce, opaque, stale) => {
      const challenge = { realm, nonce, opaque, stale, algorithm: "SHA-256", qops: ["auth"] } as const;
      assert.deepEqual(parseChallenges([writeChallenge(challenge)]), [challenge]);
      const credentials = {
        username: realm,
        realm: opaque,
        nonce,
        opaque,
        uri: "sip:x",
        response: "ab",
        algorithm: "MD5",
        qop: "auth",
        cnonce: nonce,
        nonceCount: "00000001",
      } as const;
      const read = parseCredentials(writeCredentials(credentials));
      assert.ok(read?.ok);
      assert.deepEqual(read.value, credentials);
    }),
  );
});

test("no text makes the parsers throw", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      parseChallenges([text, `Digest ${text}`]);
      parseCredentials(`Digest ${text}`);
    }),
  );
});

test("of several challenges for one realm the strongest known is answered (RFC 8760 §2.4)", () => {
  const answered = answerChallenges(
    NO_MEMORY,
    challenged(
      'Digest realm="r", nonce="1"',
      'Digest realm="r", nonce="2", algorithm=SHA-999',
      'Digest realm="r", nonce="3", algorithm=SHA-256, qop="auth"',
      'Digest realm="r", nonce="4", algorithm=MD5-sess',
    ),
    account,
    cnonce,
  );
  assert.equal(answered.type, "again");
  const { headers } = authorize(answered.memory, account, { method: "INVITE", uri: "sip:b@x", body: "" });
  assert.equal(headers.length, 1);
  assert.match(headers[0]![1], /nonce="3".*algorithm=SHA-256.*qop=auth, nc=00000001, cnonce="c0ffee"/);
});

test("a challenge without qop is answered as RFC 2069 had it", () => {
  const { memory } = answerChallenges(NO_MEMORY, challenged('Digest realm="r", nonce="1", opaque="o"'), account, cnonce);
  const [header] = authorize(memory, account, { method: "BYE", uri: "sip:b@x", body: "" }).headers;
  assert.match(header![1], /opaque="o"/);
  assert.doesNotMatch(header![1], /qop|nc=|cnonce/);
});

test("a proxy's and a server's challenge are both answered, and each use of a nonce is counted", () => {
  const first = answerChallenges(
    NO_MEMORY,
    message("response", "SIP/2.0 407 No", 'Proxy-Authenticate: Digest realm="p", nonce="1", qop="auth"'),
    account,
    cnonce,
  );
  const once = authorize(first.memory, account, { method: "INVITE", uri: "sip:b@x", body: "" });
  const second = answerChallenges(once.memory, challenged('Digest realm="s", nonce="2", qop="auth"'), account, cnonce);
  assert.equal(second.type, "again");
  const twice = authorize(second.memory, account, { method: "INVITE", uri: "sip:b@x", body: "" });
  assert.deepEqual(
    twice.headers.map(([name, value]) => [name, /nc=(\w+)/.exec(value)?.[1]]),
    [
      ["Proxy-Authorization", "00000002"],
      ["Authorization", "00000001"],
    ],
  );
});

test("a refused password is not said twice, a stale nonce is renewed once", () => {
  const start = answerChallenges(NO_MEMORY, challenged('Digest realm="r", nonce="1"'), account, cnonce);
  assert.equal(answerChallenges(start.memory, challenged('Digest realm="r", nonce="2"'), account, cnonce).type, "refused");
  const stale = answerChallenges(start.memory, challenged('Digest realm="r", nonce="2", stale=TRUE'), account, cnonce);
  assert.equal(stale.type, "again");
  const again = answerChallenges(stale.memory, challenged('Digest realm="r", nonce="3", stale=true'), account, cnonce);
  assert.ok(again.type === "refused" && /stale/.test(again.reason));
});

test("a cached nonce that is refused without stale is only old: the password is tried again with the new one", () => {
  const start = answerChallenges(NO_MEMORY, challenged('Digest realm="r", nonce="1"'), account, cnonce);
  const next = beginRequest(start.memory);
  const renewed = answerChallenges(next, challenged('Digest realm="r", nonce="2"'), account, cnonce);
  assert.equal(renewed.type, "again");
  assert.equal(answerChallenges(renewed.memory, challenged('Digest realm="r", nonce="3"'), account, cnonce).type, "refused");
});

test("with two passwords the second is tried, and stays", () => {
  const both: Account = { ...account, passwords: [secret("old"), secret("new")] };
  const start = answerChallenges(NO_MEMORY, challenged('Digest realm="r", nonce="1"'), both, cnonce);
  const second = answerChallenges(start.memory, challenged('Digest realm="r", nonce="2"'), both, cnonce);
  assert.ok(second.type === "again" && second.memory.password === 1);
  assert.equal(answerChallenges(second.memory, challenged('Digest realm="r", nonce="3"'), both, cnonce).type, "refused");
  assert.equal(beginRequest(second.memory).password, 1);
  assert.equal(tryOtherPassword(start.memory, both)?.password, 1);
  assert.equal(tryOtherPassword(start.memory, account), undefined);
  assert.equal(tryOtherPassword(NO_MEMORY, both), undefined);
});

test("challenges of another realm than configured are refused by name", () => {
  const answered = answerChallenges(NO_MEMORY, challenged('Digest realm="evil", nonce="1"'), { ...account, realm: "good" }, cnonce);
  assert.ok(answered.type === "refused" && /evil/.test(answered.reason));
});

// The server's side

const OFFERED: readonly Algorithm[] = ["SHA-512-256", "SHA-256", "MD5"];
const SOURCE = "192.0.2.7";
function server(noncesMax?: number) {
  let nowMs = 1_700_000_000_000;
  let dice = 0;
  const passwords: Readonly<Record<string, readonly string[]>> = { "100": ["right", "also"] };
  const made = new DigestServer({
    key: new Uint8Array(32).fill(7),
    nowMs: () => nowMs,
    random: () => dice++,
    userOf: (username, realm) =>
      realm === "pbx.test" && passwords[username] !== undefined
        ? { passwords: passwords[username].map(secret), algorithms: OFFERED }
        : undefined,
    ...(noncesMax === undefined ? {} : { noncesMax }),
  });
  return { server: made, pass: (ms: number) => void (nowMs += ms) };
}
/** What a client that trusts `digest-client.ts` says to this challenge. */
function answers(lines: readonly (readonly [string, string])[], who: Account = account, uri = "sip:+1555@pbx.test") {
  const answered = answerChallenges(
    NO_MEMORY,
    message("response", "SIP/2.0 401 No", ...lines.map(([name, value]) => `${name}: ${value}`)),
    who,
    cnonce,
  );
  assert.equal(answered.type, "again");
  return authorize(answered.memory, who, { method: "INVITE", uri, body: "" });
}
const carrying = (headers: readonly (readonly [string, string])[]) => invite(...headers.map(([name, value]) => `${name}: ${value}`));

test("a challenge offers SHA-512-256, SHA-256 and MD5, and the right password proves the user", () => {
  const { server: digest } = server();
  const lines = digest.challenge("pbx.test", SOURCE, false, OFFERED);
  assert.deepEqual(
    lines.map(([, value]) => /algorithm=([^,]+)/.exec(value)?.[1]),
    ["SHA-512-256", "SHA-256", "MD5"],
  );
  for (const line of lines)
    assert.deepEqual(digest.examine(carrying(answers([line]).headers), SOURCE).type, line === lines[0] ? "proved" : "failed");
  const other = digest.challenge("pbx.test", SOURCE, false, OFFERED);
  assert.equal(
    digest.examine(carrying(answers(other.slice(2), { ...account, passwords: [secret("also")] }).headers), SOURCE).type,
    "proved",
  );
});

test("a repeated nonce count is refused as a replay, later and reordered counts are not", () => {
  const { server: digest } = server();
  const first = answers(digest.challenge("pbx.test", SOURCE, false, OFFERED));
  const second = authorize(first.memory, account, { method: "INVITE", uri: "sip:+1555@pbx.test", body: "" });
  const third = authorize(second.memory, account, { method: "INVITE", uri: "sip:+1555@pbx.test", body: "" });
  const verdicts = [first, third, second, second, first, third].map(({ headers }) => digest.examine(carrying(headers), SOURCE).type);
  assert.deepEqual(verdicts, ["proved", "proved", "proved", "failed", "failed", "failed"]);
});

test("an old nonce is stale, one from another address or process too; a wrong password is not", () => {
  const { server: digest, pass } = server();
  const { headers } = answers(digest.challenge("pbx.test", SOURCE, false, OFFERED));
  const elsewhere = digest.examine(carrying(headers), "192.0.2.8");
  assert.ok(elsewhere.type === "failed" && elsewhere.stale);
  const wrong = digest.examine(
    carrying(answers(digest.challenge("pbx.test", SOURCE, false, OFFERED), { ...account, passwords: [secret("wrong")] }).headers),
    SOURCE,
  );
  assert.ok(wrong.type === "failed" && !wrong.stale);
  pass(301_000);
  const late = digest.examine(carrying(headers), SOURCE);
  assert.ok(late.type === "failed" && late.stale);
});

test("credentials prove only the call that they were made for", () => {
  const { server: digest } = server();
  const { headers } = answers(digest.challenge("pbx.test", SOURCE, false, OFFERED), account, "sip:+1999@pbx.test");
  assert.equal(digest.examine(carrying(headers), SOURCE).type, "failed");
  const rewritten = answers(digest.challenge("pbx.test", SOURCE, false, OFFERED), account, "sip:+1555@other.test;user=phone");
  assert.equal(digest.examine(carrying(rewritten.headers), SOURCE).type, "proved");
});

test("credentials for another server are no credentials", () => {
  const { server: digest } = server();
  const { headers } = answers([["WWW-Authenticate", 'Digest realm="carrier.test", nonce="1"']]);
  assert.deepEqual(digest.examine(carrying(headers), SOURCE), { type: "none" });
  assert.deepEqual(digest.examine(carrying([["Authorization", "Bearer xyz"]]), SOURCE), { type: "none" });
});

test("memory of used nonces is bounded, and what is forgotten cannot be replayed", () => {
  const { server: digest, pass } = server(10);
  const used = Array.from({ length: 30 }, () => {
    pass(5);
    const said = answers(digest.challenge("pbx.test", SOURCE, false, OFFERED));
    assert.equal(digest.examine(carrying(said.headers), SOURCE).type, "proved");
    return said;
  });
  assert.equal(digest.remembered, 10);
  for (const { headers } of used) assert.equal(digest.examine(carrying(headers), SOURCE).type, "failed");
});

test("an algorithm that a user may not use proves nothing, though its arithmetic is right", () => {
  const strict = new DigestServer({
    key: new Uint8Array(32),
    nowMs: () => 1,
    random: () => 1,
    userOf: () => ({ passwords: [secret("right")], algorithms: ["SHA-256"] }),
  });
  const lines = strict.challenge("pbx.test", SOURCE, false, ["SHA-256", "MD5"]);
  assert.equal(strict.examine(carrying(answers(lines.slice(1)).headers), SOURCE).type, "failed");
  assert.equal(strict.examine(carrying(answers(lines).headers), SOURCE).type, "proved");
});

test("a client without qop may use a nonce once", () => {
  const { server: digest } = server();
  const [, value] = digest.challenge("pbx.test", SOURCE, false, OFFERED)[2]!;
  const { headers } = answers([["WWW-Authenticate", value.replace(/, qop="auth"/, "")]]);
  assert.deepEqual(
    [1, 2].map(() => digest.examine(carrying(headers), SOURCE).type),
    ["proved", "failed"],
  );
});
