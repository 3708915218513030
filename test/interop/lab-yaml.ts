/** The configuration that most interop tests share: one carrier, three gateways, both directions. */
import type { Lab } from "../kit/lab.ts";

export interface YamlOptions {
  /** Lines under the DID's `hunt:`. */
  readonly hunt?: Readonly<Record<string, number>>;
  /** Extra lines per gateway and for the trunk. */
  readonly trunk?: Readonly<Record<string, unknown>>;
  readonly gateway?: Readonly<Record<string, unknown>>;
  readonly transport?: "udp" | "tcp";
  readonly mediaPorts?: string;
  readonly node?: Readonly<Record<string, unknown>>;
}

/** JSON is YAML: values need no quoting rules of their own. */
const fields = (values: Readonly<Record<string, unknown>>, indent: string): string =>
  Object.entries(values)
    .map(([name, value]) => `${indent}${name}: ${JSON.stringify(value)}\n`)
    .join("");

export function labYaml(lab: Lab, options: YamlOptions = {}): string {
  const parameter = options.transport === "tcp" ? ";transport=tcp" : "";
  const ports = options.mediaPorts ?? "20000-23999";
  return `
node:
  name: lab
${fields(options.node ?? {}, "  ")}
listeners:
  - { name: private, address: ${lab.sbcPrivate.address}, port: 5060, transports: [udp, tcp], media: { ports: ${ports} } }
  - { name: public, address: ${lab.sbcPublic.address}, port: 5060, transports: [udp, tcp], media: { ports: ${ports} } }
trunks:
  - name: vodafone
    listener: private
    addresses: [${lab.carrier.address}]
    uri: "sip:${lab.carrier.address}:5060${parameter}"
${fields(options.trunk ?? {}, "    ")}
gateways:
${lab.gateways
  .map(
    (gateway, i) => `  - name: ai${i + 1}
    listener: public
    addresses: [${gateway.address}]
    uri: "sip:${gateway.address}:5060${parameter}"
${fields(options.gateway ?? {}, "    ")}`,
  )
  .join("")}
groups:
  - { name: ai, gateways: [{ gateway: ai1, priority: 1 }, { gateway: ai2, priority: 2 }, { gateway: ai3, priority: 3 }] }
dids:
  - number: "+15551234567"
    to: { group: ai }
    hunt: ${JSON.stringify(options.hunt ?? {})}
  - { number: "ai", to: { gateway: ai1 } }
outbound:
  - { name: world, prefix: "", to: { trunk: vodafone } }
`;
}
