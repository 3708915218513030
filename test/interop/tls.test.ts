/**
 * SIP over TLS with Kamailio's tls module and openssl on the other side: a call that comes and leaves by TLS, client
 * certificates both ways, and what is said where a certificate is not believed.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { StatusReport, TrunkReport } from "#call/control.ts";
import type { Cdr } from "#cdr/record.ts";
import { ROOT } from "../dev/root.ts";
import { CertificateMill, textOf } from "../kit/certificates.ts";
import { startBaresip } from "../kit/baresip.ts";
import { startTlsProxy, startTlsRegistrar } from "../kit/kamailio-tls.ts";
import { type RunningTandem, loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import { silence } from "../kit/words.ts";
import { ANSWERING, ack, bye, invite, pause, recv, uac } from "../kit/sipp-scenario.ts";

const DID = "+15551234567";
const CALLING = uac([
  invite(),
  recv(100, { optional: true }),
  recv(180, { optional: true }),
  recv(200),
  ack(),
  pause(200),
  bye(),
  recv(200),
]);

async function lastCdr(tandem: RunningTandem): Promise<Cdr> {
  for (let tries = 0; tries < 50; tries++) {
    const [newest] = await tandem.cli<readonly Cdr[]>("cdr", "--limit", "1");
    if (newest !== undefined) return newest;
    await wait(100);
  }
  throw new Error("no CDR appeared");
}

/** What openssl's own client hears when it says `text`. */
async function overOpenssl(place: string, text: string, ...args: readonly string[]): Promise<string> {
  const child = spawn("openssl", ["s_client", "-connect", place, "-quiet", "-no_ign_eof", ...args], { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  const heard = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes: Buffer) => {
      said += bytes.toString("latin1");
      if (/SIP\/2\.0 \d+[\s\S]*\r\n\r\n/.test(said)) heard.resolve();
    });
  child.on("close", () => heard.resolve());
  child.stdin.on("error", () => {});
  child.stdin.write(text);
  const late = setTimeout(() => heard.resolve(), 5_000);
  await heard.promise;
  clearTimeout(late);
  child.kill();
  return said;
}

test("a call comes by TLS with a client certificate and leaves by TLS, to whom its certificate names", {
  skip: skipWithout("sipp", "kamailio", "openssl"),
}, async (t) => {
  const lab = loopbackLab(t);
  const mill = new CertificateMill();
  lab.atEnd(() => mill.close());
  const authority = mill.make({ name: "authority", names: "", authority: true });
  const [phone, ai, answering, wrong] = [lab.carrier2, lab.gateways[0], lab.gateways[1], lab.gateways[2]];
  const sbc = mill.make({ name: "sbc", names: `DNS:sbc.example.com,IP:${lab.sbcPrivate.address}`, by: authority });
  const carrier = mill.make({ name: "carrier", names: "DNS:sip.carrier.example", by: authority });
  const gateway = mill.make({ name: "gateway", names: `IP:${ai.address}`, by: authority });
  const strange = mill.make({ name: "strange", names: "DNS:else.example", by: authority });
  const ca = authority.certificate;
  const peer = { listener: "public", tls_ca: ca, tls_certificate: sbc.certificate, tls_key: sbc.key };
  const tandem = await startTandem(
    t,
    lab,
    JSON.stringify({
      node: { name: "lab" },
      listeners: [
        {
          name: "private",
          address: lab.sbcPrivate.address,
          transports: ["udp", "tls"],
          tls: { certificate: sbc.certificate, key: sbc.key, ca },
          media: { ports: "20000-21999" },
        },
        { name: "public", address: lab.sbcPublic.address, transports: ["udp", "tcp"], media: { ports: "22000-23999" } },
      ],
      trunks: [{ name: "carrier", listener: "private", tls_client_names: ["sip.carrier.example"] }],
      gateways: [
        { ...peer, name: "wrong", uri: `sips:${wrong.address}` },
        { ...peer, name: "ai", uri: `sips:${ai.address}`, probe: { every_s: 1, timeout_ms: 900 } },
      ],
      groups: [
        {
          name: "all",
          gateways: [
            { gateway: "wrong", priority: 1 },
            { gateway: "ai", priority: 2 },
          ],
        },
      ],
      dids: [{ number: DID, to: "group all" }],
    }),
  );
  const common = { tandem: `${lab.sbcPrivate.address}:5061`, ca };
  await startTlsProxy(lab, lab.carrier, { ...common, phone: `${phone.address}:5060`, own: carrier });
  await startTlsProxy(lab, ai, { ...common, phone: `${answering.address}:5060`, own: gateway, requires: true });
  await startTlsProxy(lab, wrong, { ...common, phone: `${answering.address}:5060`, own: strange });
  const callee = startSipp(lab, answering, ANSWERING, undefined, { calls: 1 });
  const result = await runSipp(lab, phone, CALLING, `${lab.carrier.address}:5060`, { service: DID, calls: 1 });
  assert.equal(result.successful, 1, result.output);
  assert.equal((await callee.finish()).successful, 1);

  const cdr = await lastCdr(tandem);
  assert.equal(cdr.outcome, "answered");
  assert.deepEqual(
    cdr.attempts.map(({ peer: name }) => name),
    ["wrong", "ai"],
  );
  assert.match(cdr.attempts[0]!.reason, /^TLS_NAME: the certificate is for else\.example, not for .*gateway wrong, next at once$/);
  assert.match(cdr.legs[0]!.remoteAddress, /^tls:/);

  // Ladders hold what was said, not what was on the wire.
  assert.match(JSON.stringify(await tandem.cli<unknown>("trace", cdr.callId)), /INVITE sips:/);

  const status = await tandem.ask<StatusReport>({ type: "status" });
  assert.deepEqual(
    status.certificates.map(({ of, names }) => `${of}: ${names.join(" ")}`),
    ["listener private: sbc.example.com", "gateway wrong: sbc.example.com", "gateway ai: sbc.example.com"],
  );

  const config = ["--config", join(lab.folder, "tandem.yaml")];
  const told = async (...words: readonly string[]): Promise<string> =>
    (await lab.run(lab.sbcPublic, join(ROOT, "tandem"), [...words, ...config], 10_000)).output;
  const walked = await told("preflight", "ai");
  assert.match(walked, /TLS\s+pass\s+TLSv1\.[23] .*until/);
  assert.match(walked, /OPTIONS\s+pass/);
  assert.match(await told("preflight", "wrong"), /TLS\s+fail\s+TLS_NAME: the certificate is for else\.example/);
  assert.match(await told("check"), /certificate of sip\.carrier\.example +trunk carrier +by certificate/);
  assert.match(await told("firewall", "--format", "nft"), /5061/);

  // A renewed file is shown after a reload, and the connections that stand go on.
  const renewed = { name: "sbc", names: `DNS:sbc.example.com,DNS:renewed.example.com,IP:${lab.sbcPrivate.address}`, by: authority };
  mill.make(renewed);
  await tandem.cli("reload");
  assert.match((await tandem.ask<StatusReport>({ type: "status" })).certificates[0]!.names.join(), /renewed\.example\.com/);

  // Everybody's own client, who shows no certificate: a probe is answered, a call gets silence.
  const place = `${lab.sbcPrivate.address}:5061`;
  const request = (method: string): string =>
    `${method} sip:${DID}@${place};transport=tls SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.9;branch=z9hG4bKs${method}\r\nMax-Forwards: 70\r\n` +
    `From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: ${method}\r\nCSeq: 1 ${method}\r\nContact: <sip:a@192.0.2.9>\r\nContent-Length: 0\r\n\r\n`;
  assert.match(await overOpenssl(place, request("OPTIONS"), "-CAfile", ca, "-verify_return_error"), /SIP\/2\.0 200 OK/);
  assert.match(await overOpenssl(place, request("OPTIONS"), "-tls1_2"), /SIP\/2\.0 200 OK/);
  assert.doesNotMatch(await overOpenssl(place, "", "-tls1_1"), /SIP\/2\.0/);
});

test("a trunk registers over TLS and its calls come back on that connection, with nothing of ours listening for TLS", {
  skip: skipWithout("sipp", "kamailio", "openssl"),
}, async (t) => {
  const lab = loopbackLab(t);
  const mill = new CertificateMill();
  lab.atEnd(() => mill.close());
  const [provider, phone, answering] = [lab.carrier, lab.carrier2, lab.gateways[0]];
  const own = mill.make({ name: "provider", names: `DNS:sip.provider.example,IP:${provider.address}` });
  await startTlsRegistrar(lab, provider, { domain: "sip.provider.example", password: "secret", own });
  const tandem = await startTandem(
    t,
    lab,
    JSON.stringify({
      node: { name: "lab" },
      listeners: [
        { name: "private", address: lab.sbcPrivate.address, transports: ["udp"], media: { ports: "20000-21999" } },
        { name: "public", address: lab.sbcPublic.address, transports: ["udp"], media: { ports: "22000-23999" } },
      ],
      trunks: [
        {
          name: "provider",
          listener: "private",
          uri: `sip:${provider.address};transport=tls`,
          // Self-signed: the certificate is its own authority.
          tls_ca: own.certificate,
          username: DID,
          password: "secret",
          from_domain: "sip.provider.example",
          addresses: [],
          register: { from_domain: "sip.provider.example" },
        },
      ],
      gateways: [{ name: "ai", listener: "public", uri: `sip:${answering.address}` }],
      dids: [{ number: DID, to: "gateway ai" }],
    }),
  );
  const standing = async (): Promise<string> => {
    const [trunk] = await tandem.ask<readonly TrunkReport[]>({ type: "trunks" });
    return `${trunk?.registration?.standing} ${trunk?.registration?.reason}`;
  };
  for (let tries = 0; tries < 50 && !(await standing()).startsWith("registered"); tries++) await wait(100);
  assert.match(await standing(), /^registered /);
  const callee = startSipp(lab, answering, ANSWERING, undefined, { calls: 1 });
  const result = await runSipp(lab, phone, CALLING, `${provider.address}:5060`, { service: DID, calls: 1 });
  assert.equal(result.successful, 1, result.output);
  assert.equal((await callee.finish()).successful, 1);
});

test("baresip calls over TLS, known by its certificate alone, and is called over TLS", {
  skip: skipWithout("baresip", "sox", "openssl"),
}, async (t) => {
  const lab = loopbackLab(t);
  const mill = new CertificateMill();
  lab.atEnd(() => mill.close());
  const [phone, gateway] = [lab.carrier, lab.gateways[0]];
  const authority = mill.make({ name: "authority", names: "", authority: true });
  const sbc = mill.make({
    name: "sbc",
    names: `DNS:sbc.example.com,IP:${lab.sbcPrivate.address},IP:${lab.sbcPublic.address}`,
    by: authority,
  });
  const pemOf = (name: string, names: string): { readonly pem: string; readonly ca: string } => {
    const { certificate, key } = mill.make({ name, names, by: authority });
    const pem = join(mill.folder, `${name}-both.pem`);
    writeFileSync(pem, textOf(certificate) + textOf(key));
    return { pem, ca: authority.certificate };
  };
  await startTandem(
    t,
    lab,
    JSON.stringify({
      node: { name: "lab" },
      listeners: [
        {
          name: "private",
          address: lab.sbcPrivate.address,
          transports: ["tls"],
          tls: { certificate: sbc.certificate, key: sbc.key, ca: authority.certificate },
          media: { ports: "20000-21999" },
        },
        {
          name: "public",
          address: lab.sbcPublic.address,
          transports: ["tls"],
          // baresip opens a connection of its own for its BYE.
          tls: { certificate: sbc.certificate, key: sbc.key },
          media: { ports: "22000-23999" },
        },
      ],
      // On loopback baresip's connections come from 127.0.0.1, which is nobody's address.
      trunks: [{ name: "phone", listener: "private", tls_client_names: ["phone.example.net"], nat: true }],
      gateways: [
        { name: "ai", listener: "public", uri: `sip:${gateway.address}:5061;transport=tls`, tls_ca: authority.certificate, nat: true },
      ],
      dids: [{ number: DID, to: "gateway ai" }],
    }),
  );
  const speaks = await silence(lab);
  const callee = await startBaresip(lab, gateway, {
    user: DID,
    speaks,
    transport: "tls",
    tls: pemOf("gateway", `IP:${gateway.address}`),
  });
  const caller = await startBaresip(lab, phone, { user: "phone", speaks, transport: "tls", tls: pemOf("phone", "DNS:phone.example.net") });
  caller.dial(`sip:${DID}@${lab.sbcPrivate.address}:5061`);
  await Promise.all([caller.happens("CALL_ESTABLISHED"), callee.happens("CALL_ESTABLISHED")]);
  callee.tell("hangup");
  await Promise.all([caller.happens("CALL_CLOSED"), callee.happens("CALL_CLOSED")]);
});
