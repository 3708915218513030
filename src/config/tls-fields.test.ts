import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { CertificateMill, hasOpenssl } from "../../test/kit/certificates.ts";
import { loadText } from "./load.ts";

const mill = hasOpenssl ? new CertificateMill() : undefined;
after(() => mill?.close());
const skip = mill === undefined && "there is no openssl here";

/** Problems or warnings of a file with one listener and one trunk, as "field: message". */
function said(listener: object, trunk: object = {}): { readonly problems: readonly string[]; readonly warnings: readonly string[] } {
  const file = {
    listeners: [{ name: "public", address: "192.0.2.1", ...listener }],
    trunks: [{ name: "carrier", uri: "sip:sip.carrier.example;transport=tls", ...trunk }],
  };
  const readFile = (path: string): string => readFileSync(path, "utf8");
  const loaded = loadText(JSON.stringify(file), "tandem.yaml", { env: {}, uid: 1000, hostname: "host", home: "/tmp/h", readFile });
  const text = ({ field, message }: { readonly field: string; readonly message: string }): string => `${field}: ${message}`;
  return loaded.ok ? { problems: [], warnings: loaded.warnings.map(text) } : { problems: loaded.problems.map(text), warnings: [] };
}

test("calls out by TLS need nothing of a listener; taking it needs a certificate", () => {
  assert.deepEqual(said({}).problems, []);
  assert.match(said({}).warnings[0]!, /^trunks\[0\]\.uri: listener public takes no TLS/);
  assert.deepEqual(said({}, { uri: "sips:sip.carrier.example" }).problems, []);
  assert.match(said({ transports: ["udp", "tls"] }).problems[0]!, /^listeners\[0\]\.tls: listener public takes TLS and has no certificate/);
  assert.match(said({}, { uri: "sips:x.example;transport=udp" }).problems[0]!, /^trunks\[0\]\.uri: .*sips is TLS/);
});

test("files are looked at when the configuration is checked", { skip }, () => {
  const own = mill!.make({ name: "own" });
  const other = mill!.make({ name: "other" });
  const expired = mill!.make({ name: "expired", days: -1 });
  const soon = mill!.make({ name: "soon", days: 5 });
  const listening = (tls: object) => ({ transports: ["udp", "tcp", "tls"], tls });
  assert.deepEqual(said(listening({ ...mill!.make({ name: "fresh", days: 90 }) })), { problems: [], warnings: [] });
  assert.match(
    said(listening({ certificate: own.certificate, key: other.key })).problems[0]!,
    /^listeners\[0\]\.tls\.key: .*is not the key of/,
  );
  assert.match(said(listening({ certificate: "/nowhere.pem" })).problems[0]!, /^listeners\[0\]\.tls\.certificate: .*ENOENT/);
  assert.match(said(listening({ certificate: own.key })).problems[0]!, /^listeners\[0\]\.tls\.certificate: .*holds no certificate/);
  assert.match(said(listening({ certificate: own.certificate })).problems[0]!, /^listeners\[0\]\.tls\.key: .*no private key/);
  assert.match(said(listening(expired)).warnings[0]!, /EXPIRED/);
  assert.match(said(listening(soon)).warnings[0]!, /expires in [45] days/);
  assert.match(said({}, { tls_ca: "/nowhere.pem" }).problems[0]!, /^trunks\[0\]\.tls_ca: .*ENOENT/);
  assert.match(said(listening({ ...own, port: 5060 })).problems[0]!, /^listeners\[0\]\.tls\.port: port 5060 is that of TCP/);
});

test("what lets everybody listen is said aloud, and a proof that nobody asks for is an error", { skip }, () => {
  assert.match(said({}, { tls_verify: "no" }).warnings.join("\n"), /^trunks\[0\]\.tls_verify: WHOEVER STANDS BETWEEN us and carrier/m);
  assert.match(
    said({}, { tls_client_names: ["sip.carrier.example"] }).problems[0]!,
    /^trunks\[0\]\.tls_client_names: listener public asks nobody for a certificate/,
  );
});
