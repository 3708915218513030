/** Firewall rules as text: for nft (a table of its own), iptables (a chain of its own, as a script) and ufw. */
import type { Firewall, FirewallRule } from "./firewall.ts";

export const FIREWALL_FORMATS = ["nft", "ufw", "iptables"] as const;
export type FirewallFormat = (typeof FIREWALL_FORMATS)[number];

const NAMES_CHARS_MAX = 100;

export function renderFirewall(firewall: Firewall, format: FirewallFormat): string {
  const lines = format === "nft" ? nft(firewall) : format === "ufw" ? ufw(firewall) : iptables(firewall);
  return `${lines.join("\n")}\n`;
}

const shortened = (names: readonly string[]): string => {
  const text = names.join(", ");
  return text.length > NAMES_CHARS_MAX ? `${text.slice(0, NAMES_CHARS_MAX - 1)}…` : text;
};
const notesOf = ({ notes }: Firewall): readonly string[] => notes.map((note) => `# ${note}`);
const heading = ({ listener, what, protocol, sources }: FirewallRule): string =>
  `# ${what === "SIP" ? `SIP over ${protocol.toUpperCase()}` : what} to listener ${listener}${sources === undefined ? ", from anywhere" : ""}`;
const portsOf = ({ portMin, portMax }: FirewallRule, dash: string): string =>
  portMin === portMax ? String(portMin) : `${portMin}${dash}${portMax}`;

function nft(firewall: Firewall): readonly string[] {
  const rules = firewall.rules.flatMap((rule) => {
    const ip = rule.family === 4 ? "ip" : "ip6";
    const device = rule.device === undefined ? "" : `iifname "${rule.device}" `;
    // Without an address the protocol of the rule's family must be said another way.
    const to = rule.address === undefined ? `meta nfproto ${rule.family === 4 ? "ipv4" : "ipv6"} ` : `${ip} daddr ${rule.address} `;
    const port = `${rule.protocol} dport ${portsOf(rule, "-")}`;
    if (rule.sources === undefined) return ["", `    ${heading(rule)}`, `    ${device}${to}${port} accept`];
    const known = rule.sources.map(
      ({ network, peers }) => `    ${device}${ip} saddr ${network} ${to}${port} accept comment "${shortened(peers)}"`,
    );
    return ["", `    ${heading(rule)}`, ...known, `    ${device}${to}${port} drop`];
  });
  return [
    "#!/usr/sbin/nft -f",
    "# Tandem. Load with: nft -f <this file>; loading it again replaces it.",
    "# What it accepts may still be dropped by another table of yours: let the same in there.",
    ...notesOf(firewall),
    "",
    "table inet tandem {",
    "}",
    "delete table inet tandem",
    "table inet tandem {",
    "  chain input {",
    "    type filter hook input priority filter; policy accept;",
    '    iifname "lo" accept',
    "    ct state established,related accept",
    ...rules,
    "  }",
    "}",
  ];
}

function iptables(firewall: Firewall): readonly string[] {
  const families = [...new Set(firewall.rules.map(({ family }) => family))];
  const begin = families.flatMap((family) => {
    const program = programOf(family);
    return [
      `${program} -N TANDEM 2>/dev/null || ${program} -F TANDEM`,
      `${program} -C INPUT -j TANDEM 2>/dev/null || ${program} -I INPUT -j TANDEM`,
      `${program} -A TANDEM -i lo -j ACCEPT`,
      `${program} -A TANDEM -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT`,
    ];
  });
  const rules = firewall.rules.flatMap((rule) => {
    const start = `${programOf(rule.family)} -A TANDEM${rule.device === undefined ? "" : ` -i ${rule.device}`}`;
    const end = `${rule.address === undefined ? "" : ` -d ${rule.address}`} -p ${rule.protocol} --dport ${portsOf(rule, ":")}`;
    if (rule.sources === undefined) return ["", heading(rule), `${start}${end} -j ACCEPT`];
    const known = rule.sources.map(
      ({ network, peers }) => `${start} -s ${network}${end} -m comment --comment "${shortened(peers)}" -j ACCEPT`,
    );
    return ["", heading(rule), ...known, `${start}${end} -j DROP`];
  });
  return ["#!/bin/sh", "# Tandem. Run as root; running it again replaces its chain.", ...notesOf(firewall), "set -e", ...begin, ...rules];
}

const programOf = (family: 4 | 6): string => (family === 4 ? "iptables" : "ip6tables");

function ufw(firewall: Firewall): readonly string[] {
  const rules = firewall.rules.flatMap((rule) => {
    const start = `ufw allow in${rule.device === undefined ? "" : ` on ${rule.device}`} proto ${rule.protocol}`;
    const end = `to ${rule.address ?? (rule.family === 4 ? "0.0.0.0/0" : "::/0")} port ${portsOf(rule, ":")}`;
    if (rule.sources === undefined) return ["", heading(rule), `${start} from any ${end} comment 'Tandem ${rule.what} ${rule.listener}'`];
    return [
      "",
      heading(rule),
      ...rule.sources.map(({ network, peers }) => `${start} from ${network} ${end} comment 'Tandem ${shortened(peers)}'`),
    ];
  });
  return [
    "#!/bin/sh",
    "# Tandem. Run as root. ufw only adds what is let in: the rest must be denied already (ufw default deny incoming).",
    ...notesOf(firewall),
    "set -e",
    ...rules,
  ];
}
