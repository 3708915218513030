import assert from "node:assert/strict";
import { test } from "node:test";
import { type Firewall, firewallOf, namesToResolve } from "./firewall.ts";
import { renderFirewall } from "./firewall-text.ts";
import { loadText } from "./load.ts";

const YAML = `
listeners:
  - { name: private, address: 10.0.0.1, transports: [udp], device: eth1, media: { ports: 10000-10003 } }
  - { name: v6, address: "2001:db8::1", port: 5070, transports: [tcp], media: { ports: 20000-20003 } }
  - { name: any, address: 0.0.0.0, port: 5080, transports: [udp], advertise: 203.0.113.1, media: { ports: 30000-30003 } }
trunks:
  - { name: carrier, listener: private, addresses: [10.0.0.2, 10.0.1.0/24], uri: "sip:sip.example.com" }
  - { name: second, listener: private, addresses: [10.0.0.2], domains: [two.example.com] }
gateways:
  - { name: six, listener: v6, uri: "sip:[2001:db8::9];transport=tcp" }
  - { name: bot, listener: any, digest: { username: bot, password: x } }
`;
const config = (text: string) => {
  const loaded = loadText(text, "t.yaml", { env: {}, readFile: () => "", uid: 0, hostname: "h", home: "/h" });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return loaded.config;
};
const made: Firewall = firewallOf(config(YAML), new Map([["sip.example.com", ["10.0.0.7", "2001:db8::7"]]]));
const rulesOf = (text: string): string =>
  text
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^\s*#/.test(line))
    .map((line) => line.trim())
    .join("\n");

test("names of peers, their proxies and registrars are asked for", () => {
  const { snapshot } = config(`
listeners: [{ name: a, address: 10.0.0.1 }]
trunks: [{ name: t, uri: "sip:T.example.com", username: u, password: p, outbound_proxy: "sip:p.example.com:5090", register: { registrar: "sip:r.example.com" } }]
gateways: [{ name: g, uri: "sip:10.0.0.3" }]`);
  assert.deepEqual(
    namesToResolve(snapshot).map(({ host }) => host),
    ["t.example.com", "p.example.com", "r.example.com"],
  );
});

test("nft gets a table of its own: SIP from who is known, nobody else, RTP from anywhere", () => {
  assert.equal(
    rulesOf(renderFirewall(made, "nft")),
    `table inet tandem {
}
delete table inet tandem
table inet tandem {
chain input {
type filter hook input priority filter; policy accept;
iifname "lo" accept
ct state established,related accept
iifname "eth1" ip saddr 10.0.0.2 ip daddr 10.0.0.1 udp dport 5060 accept comment "carrier, second"
iifname "eth1" ip saddr 10.0.1.0/24 ip daddr 10.0.0.1 udp dport 5060 accept comment "carrier"
iifname "eth1" ip saddr 10.0.0.7 ip daddr 10.0.0.1 udp dport 5060 accept comment "carrier"
iifname "eth1" ip daddr 10.0.0.1 udp dport 5060 drop
iifname "eth1" ip daddr 10.0.0.1 udp dport 10000-10003 accept
ip6 saddr 2001:db8::9 ip6 daddr 2001:db8::1 tcp dport 5070 accept comment "six"
ip6 daddr 2001:db8::1 tcp dport 5070 drop
ip6 daddr 2001:db8::1 udp dport 20000-20003 accept
meta nfproto ipv4 udp dport 5080 accept
meta nfproto ipv4 udp dport 30000-30003 accept
}
}`,
  );
});

test("iptables gets a chain of its own, for each family its program", () => {
  const text = rulesOf(renderFirewall(made, "iptables"));
  assert.match(
    text,
    /^iptables -A TANDEM -i eth1 -s 10\.0\.1\.0\/24 -d 10\.0\.0\.1 -p udp --dport 5060 -m comment --comment "carrier" -j ACCEPT$/m,
  );
  assert.match(text, /^iptables -A TANDEM -i eth1 -d 10\.0\.0\.1 -p udp --dport 5060 -j DROP$/m);
  assert.match(text, /^iptables -A TANDEM -p udp --dport 30000:30003 -j ACCEPT$/m);
  assert.match(text, /^ip6tables -C INPUT -j TANDEM 2>\/dev\/null \|\| ip6tables -I INPUT -j TANDEM$/m);
  assert.match(text, /^ip6tables -A TANDEM -s 2001:db8::9 -d 2001:db8::1 -p tcp --dport 5070 /m);
});

test("ufw is told what to let in", () => {
  assert.equal(
    rulesOf(renderFirewall(made, "ufw")),
    `set -e
ufw allow in on eth1 proto udp from 10.0.0.2 to 10.0.0.1 port 5060 comment 'Tandem carrier, second'
ufw allow in on eth1 proto udp from 10.0.1.0/24 to 10.0.0.1 port 5060 comment 'Tandem carrier'
ufw allow in on eth1 proto udp from 10.0.0.7 to 10.0.0.1 port 5060 comment 'Tandem carrier'
ufw allow in on eth1 proto udp from any to 10.0.0.1 port 10000:10003 comment 'Tandem RTP private'
ufw allow in proto tcp from 2001:db8::9 to 2001:db8::1 port 5070 comment 'Tandem six'
ufw allow in proto udp from any to 2001:db8::1 port 20000:20003 comment 'Tandem RTP v6'
ufw allow in proto udp from any to 0.0.0.0/0 port 5080 comment 'Tandem SIP any'
ufw allow in proto udp from any to 0.0.0.0/0 port 30000:30003 comment 'Tandem RTP any'`,
  );
});

test("what a person must know is said: digest, names without addresses, ports that the kernel chooses, rtpengine", () => {
  const { notes, rules } = firewallOf(
    config(`
node: { media: { engine: rtpengine, rtpengine: [127.0.0.1] } }
listeners: [{ name: a, address: 10.0.0.1, port: 0 }, { name: b, address: 10.0.0.2 }, { name: c, address: 10.0.0.3 }]
gateways: [{ name: g, listener: b, uri: "sip:gone.example.com" }, { name: d, listener: c, digest: { username: d, password: p } }]`),
    new Map(),
  );
  const text = notes.join("\n");
  assert.match(text, /Listener a lets the kernel choose/);
  assert.match(text, /gone\.example\.com has no address now/);
  assert.match(text, /Nobody with a known address uses listener b/);
  assert.match(text, /listener c is let in from anywhere: d proves by digest/);
  assert.match(text, /rtpengine/);
  assert.equal(
    rules.some(({ listener, what }) => listener === "a" && what === "SIP"),
    false,
  );
});
