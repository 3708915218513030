/** A tenant's own trunks name nothing of the machine, and take nobody else's calls. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { apiAlone } from "../../test/kit/api-alone.ts";
import { storedHouse } from "../../test/kit/stored-house.ts";

const YAML = `
listeners: [{ name: public, address: 192.0.2.1 }]
trunks: [{ name: carrier, listener: public, uri: "sip:carrier.example.com", addresses: [198.51.100.0/28] }]
`;

test("a tenant names no file, takes no address of others, and keeps what stood there", async (t) => {
  const house = await storedHouse(t, YAML);
  const { ask, tokenOf } = await apiAlone(t, house.ports);
  const evil = tokenOf("operator", "evil");
  const trunk = { trunk_id: "mine", proxy_address: "192.0.2.77", listener: "public" };
  const made = await ask("POST", "/api/trunks", trunk, evil);
  assert.equal(made.status, 201, made.text);

  const refused = async (method: string, path: string, body: unknown, field: RegExp): Promise<void> => {
    const { status, text } = await ask(method, path, body, evil);
    assert.equal(status, 422, text);
    assert.match(text, field);
    assert.doesNotMatch(text, /ENOENT|carrier/);
  };
  for (const field of ["password_file", "password_env", "tls_ca", "tls_certificate", "tls_key"])
    await refused(
      "PUT",
      "/api/trunks/mine/entry",
      { username: "u", [field]: field === "password_env" ? "PATH" : "/etc/shadow" },
      /of the machine/,
    );
  await refused("PUT", "/api/trunks/mine/entry", { digest: { username: "u", password_file: "/etc/shadow" } }, /digest.password_file/);
  await refused("PUT", "/api/trunks/mine", { allowed_ips: ["198.51.100.7"] }, /allowed_ips/);
  await refused("PUT", "/api/trunks/mine", { proxy_address: "198.51.100.7" }, /proxy_address/);
  await refused("POST", "/api/gateways", { name: "all", uri: "sip:192.0.2.78", addresses: ["0.0.0.0/0"] }, /addresses/);
  const text = 'gateways: [{ name: g, uri: "sip:192.0.2.78", username: u, "password_\\u0066ile": /etc/shadow }]';
  for (const [applied, field] of [
    [text, "gateways[0].password_file"],
    ["trunks: [{ name: t, addresses: 198.51.100.1 }]", "trunks[0].addresses"],
  ] as const) {
    const { json } = await ask("POST", "/api/apply", { text: applied, commit: true }, evil);
    const { ok, problems } = json as {
      readonly ok: boolean;
      readonly problems: readonly { readonly field: string; readonly line: number }[];
    };
    assert.deepEqual([ok, problems[0]?.field, problems[0]?.line], [false, field, 1]);
  }

  const many = await ask("POST", "/api/apply", { text: `gateways:\n${"- {}\n".repeat(100_000)}` }, evil);
  assert.equal(many.status, 413, many.text);

  const host = await ask("PUT", "/api/trunks/mine/entry", { addresses: ["198.51.100.7"] });
  assert.equal(host.status, 200, host.text);
  const kept = await ask("PUT", "/api/trunks/mine", { name: "as before" }, evil);
  assert.equal(kept.status, 200, kept.text);
});
