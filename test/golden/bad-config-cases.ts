/** Configurations as people get them wrong: a title for people, and the file. What is said of each is bad-config.txt. */

export interface BadConfig {
  readonly title: string;
  readonly yaml: string;
}

interface Parts {
  readonly node?: string;
  readonly listener?: string;
  readonly listeners?: string;
  readonly trunk?: string;
  readonly trunks?: string;
  readonly gateway?: string;
  readonly gateways?: string;
  readonly group?: string;
  readonly rest?: string;
}

/** A whole configuration, in which these parts are other or more. Flow fields begin with a comma. */
const file = ({
  node,
  listener = "",
  listeners = "",
  trunk = "",
  trunks = "",
  gateway = "",
  gateways = "",
  group = "",
  rest = "",
}: Parts): string =>
  [
    ...(node === undefined ? [] : [`node: { ${node} }`]),
    "listeners:",
    `  - { name: main, address: 192.0.2.1${listener} }`,
    ...lines(listeners),
    "trunks:",
    `  - { name: carrier, listener: main, uri: "sip:198.51.100.1"${trunk} }`,
    ...lines(trunks),
    "gateways:",
    `  - { name: ai, listener: main, uri: "sip:203.0.113.1"${gateway} }`,
    ...lines(gateways),
    "groups:",
    `  - { name: pool, gateways: [ai]${group} }`,
    ...lines(rest),
    "",
  ].join("\n");
const lines = (text: string): readonly string[] => (text === "" ? [] : [text]);
const did = (fields: string): string => file({ rest: `dids:\n  - { ${fields} }` });
const outbound = (fields: string): string => file({ rest: `outbound:\n  - { ${fields} }` });
const bad = (title: string, yaml: string): BadConfig => ({ title, yaml });

export const BAD_CONFIGS: readonly BadConfig[] = [
  // The file itself
  bad("a tab instead of spaces", "listeners:\n\t- name: main\n"),
  bad("a quote that never ends", 'listeners:\n  - { name: "main, address: 192.0.2.1 }\n'),
  bad("a field twice", "node:\n  id: a1\n  id: a2\n"),
  bad("a section that does not exist", file({ rest: "gatways:\n  - { name: x }" })),
  bad("entries by name instead of a list", "listeners:\n  main: { address: 192.0.2.1 }\n"),
  bad("entries that are words", file({ rest: "dids: [one, two]" })),
  bad("an empty file", ""),
  bad("a list instead of sections", "- listeners\n- trunks\n"),
  // node
  bad("a node id of three characters", file({ node: "id: abc" })),
  bad("a relative home", file({ node: "home: var/tandem" })),
  bad("a log level of another program", file({ node: "log_level: verbose" })),
  bad("no calls at all", file({ node: "calls_max: 0" })),
  bad("a name server by name", file({ node: "dns_servers: [dns.example.com]" })),
  bad("a name server's port out of range", file({ node: 'dns_servers: ["192.0.2.53:99999"]' })),
  bad("an unknown media engine", file({ node: "media: { engine: mediaproxy }" })),
  bad("rtpengine without a place", file({ node: "media: { engine: rtpengine }" })),
  bad(
    "an interface for a listener that isn't there",
    file({ node: 'media: { engine: rtpengine, rtpengine: ["127.0.0.1:2223"], interfaces: { mian: external } }' }),
  ),
  // listeners
  bad("an address with a port", file({ listener: "" }).replace("192.0.2.1 }", '"192.0.2.1:5060" }')),
  bad("an address with an octet too large", file({}).replace("192.0.2.1 }", "192.0.2.256 }")),
  bad("every address, and nothing that can be told", file({}).replace("192.0.2.1 }", "0.0.0.0 }")),
  bad("transport TLS", file({ listener: ", transports: [tls]" })),
  bad("no transport", file({ listener: ", transports: []" })),
  bad("a port out of range", file({ listener: ", port: 70000" })),
  bad("two listeners on one port", file({ listeners: "  - { name: second, address: 192.0.2.1, media: { ports: 20000-20999 } }" })),
  bad(
    "a listener on every address beside one of them",
    file({ listeners: "  - { name: all, address: 0.0.0.0, advertise: 192.0.2.9, media: { ports: 20000-20999 } }" }),
  ),
  bad("media ports that overlap", file({ listeners: "  - { name: second, address: 192.0.2.1, port: 5070 }" })),
  bad("an odd first media port", file({ listener: ", media: { ports: 10001-12000 }" })),
  bad("media ports the wrong way round", file({ listener: ", media: { ports: 20000-10000 }" })),
  bad("media ports on the listener itself", file({ listener: ", ports: 10000-12000" })),
  bad("the SIP port among the media ports", file({ listener: ", media: { ports: 5000-5999 }" })),
  bad("a DSCP by a name of no RFC", file({ listener: ", dscp: voice" })),
  bad("a listener's name twice", file({ listeners: "  - { name: main, address: 192.0.2.2 }" })),
  // uris and addresses
  bad("sips", file({ trunk: "" }).replace("sip:198.51.100.1", "sips:198.51.100.1")),
  bad("a user in the uri", file({}).replace("sip:198.51.100.1", "sip:us@198.51.100.1")),
  bad("transport SCTP", file({}).replace("sip:198.51.100.1", "sip:198.51.100.1;transport=sctp")),
  bad("a port beyond all ports", file({}).replace("sip:198.51.100.1", "sip:198.51.100.1:70000")),
  bad("a telephone number as uri", file({}).replace("sip:198.51.100.1", "tel:+4930123")),
  bad("an IPv6 peer behind an IPv4 listener", file({}).replace("sip:198.51.100.1", "sip:[2001:db8::1]")),
  bad(
    "TCP where the listener has UDP only",
    file({ listener: ", transports: [udp]" }).replace("sip:198.51.100.1", "sip:198.51.100.1;transport=tcp"),
  ),
  bad("our own address as peer", file({}).replace("sip:198.51.100.1", "sip:192.0.2.1")),
  bad("a network with too many bits", file({ trunk: ", addresses: [198.51.100.0/33]" })),
  bad("a range of addresses", file({ trunk: ", addresses: [198.51.100.1-198.51.100.9]" })),
  bad("a host name among the addresses", file({ trunk: ", addresses: [sip.carrier.example]" })),
  bad("everybody's address as proof", file({ trunk: ", addresses: [0.0.0.0/0]" })),
  bad("a domain with a scheme", file({ trunk: ', domains: ["sip:carrier.example"]' })),
  bad("a From domain with a port", file({ trunk: ', from_domain: "carrier.example:5060"' })),
  // peers
  bad("a listener that isn't there", file({}).replace('listener: main, uri: "sip:198', 'listener: mian, uri: "sip:198')),
  bad(
    "no listener, where there are two",
    file({ listeners: "  - { name: second, address: 192.0.2.2 }" }).replaceAll("listener: main, ", ""),
  ),
  bad("an egress listener that isn't there", file({ trunk: ", egress_listener: public" })),
  bad("a name for a trunk and a gateway", file({ gateways: '  - { name: carrier, listener: main, uri: "sip:203.0.113.2" }' })),
  bad("a name with a space", file({ gateways: '  - { name: live kit, listener: main, uri: "sip:203.0.113.2" }' })),
  bad("a field of trunks at a gateway", file({ gateway: ", register: yes" })),
  bad("a field of gateways at a trunk", file({ trunk: ", next_on: [403]" })),
  bad("a probe without a uri", file({ gateways: "  - { name: blind, listener: main, addresses: [203.0.113.7], probe: yes }" })),
  bad("a probe that waits longer than until the next", file({ gateway: ", probe: { every_s: 1, timeout_ms: 5000 }" })),
  bad("a status that no response has", file({ gateway: ", probe: { accepted_codes: [2000] }" })),
  bad("a codec that nobody has", file({ trunk: ", codecs: [PCMX]" })),
  bad("G.711 by the name that people say", file({ trunk: ", codecs: [g711a, ulaw]" })),
  bad("DTMF as the only codec", file({ trunk: ", codecs: [telephone-event]" })),
  bad("yes and no in another language", file({ trunk: ", nat: ja" })),
  bad("seconds with a unit", file({ trunk: ", media_timeout_s: 60s" })),
  bad("early media of another kind", file({ trunk: ", early_media: pass" })),
  bad("a preset that isn't there", file({ trunk: ", preset: ringcentrl" })),
  bad("more inbound calls than calls", file({ trunk: ", calls_max: 10, calls_max_inbound: 20" })),
  bad("a queue longer than callers wait", file({ trunk: ", calls_per_second_outbound: 5, call_queue_ms: 60000" })),
  bad("a caller number that the trunk may not be shown", file({ trunk: ', caller_number: "+4940", caller_numbers_allowed: ["+4930*"]' })),
  bad("a backup of itself", file({ trunk: ", backup_trunks: [carrier]" })),
  bad("a backup that isn't there", file({ trunk: ", backup_trunks: [carier]" })),
  bad(
    "a backup of another tenant",
    file({ trunk: ", backup_trunks: [other]", trunks: '  - { name: other, tenant: acme, listener: main, uri: "sip:198.51.100.2" }' }),
  ),
  bad("a backup for busy", file({ trunk: ", backup_on: [486]" })),
  bad("every number blocked", file({ trunk: ', blocked_prefixes: [""]' })),
  bad("callers hidden and revealed", file({ trunk: ", privacy: hide, identity: { anonymous: reveal }" })),
  bad("a header that the switch writes", file({ trunk: ", headers: { set: { Contact: x } }" })),
  bad("a header value of two lines", file({ trunk: ', headers: { set: { X-A: "a\\r\\nVia: b" } }' })),
  bad("a header rule for a message that has none", file({ trunk: ", headers: { rules: [{ on: [OPTIONS], pass: [X-A] }] }" })),
  bad("a pattern without its beginning", file({ trunk: ', rewrite: { inbound_called: [{ match: "8(\\\\d{10})$", replace: "+7$1" }] }' })),
  bad(
    "a group in the replacement that the pattern lacks",
    file({ trunk: ', rewrite: { inbound_called: [{ match: "^8(\\\\d{10})$", replace: "+7$2" }] }' }),
  ),
  bad("a rewrite without what stands in its place", file({ trunk: ', rewrite: { inbound_called: [{ match: "^8" }] }' })),
  bad("an identity header that isn't one", file({ trunk: ", identity: { read: [p-asserted-identity] }" })),
  bad("a country code with a letter", file({ trunk: ", numbers: { country_code: DE }" })),
  bad("national numbers of no country", file({ trunk: ", numbers: { write: national }" })),
  bad("a national prefix of no country", file({ trunk: ', numbers: { national_prefix: "0" }' })),
  // passwords
  bad("a user without a password", file({ trunk: ", username: us" })),
  bad("a password without a user", file({ trunk: ", password: secret" })),
  bad("a password of two lines", file({ trunk: ', username: us, password: "one\\ntwo"' })),
  bad("an environment variable that isn't set", file({ trunk: ", username: us, password_env: NOT_SET" })),
  bad("a password file that isn't there", file({ trunk: ", username: us, password_file: /etc/tandem/none" })),
  bad("registering without a user", file({ trunk: ", register: yes" })),
  bad("registering nowhere", file({ trunks: "  - { name: nowhere, listener: main, register: yes, username: us, password: x }" })),
  bad("registering for a second", file({ trunk: ", username: us, password: x, register: { expires_s: 1 }" })),
  bad("a digest user without a password", file({ gateway: ", digest: { username: us }" })),
  bad(
    "one digest user for two peers",
    file({ gateway: ", digest: { username: us, password: x }", trunk: ", digest: { username: us, password: y }" }),
  ),
  // groups
  bad("a group without gateways", file({ rest: "" }).replace("gateways: [ai]", "gateways: []")),
  bad("a gateway that isn't there", file({}).replace("gateways: [ai]", "gateways: [ay]")),
  bad("a trunk in a group", file({}).replace("gateways: [ai]", "gateways: [carrier]")),
  bad("a gateway twice in a group", file({}).replace("gateways: [ai]", "gateways: [ai, ai]")),
  bad("a gateway of another tenant", file({ group: ", tenant: acme" })),
  bad("weight 0", file({}).replace("gateways: [ai]", "gateways: [{ gateway: ai, weight: 0 }]")),
  bad("an algorithm of another program", file({ group: ", algorithm: random" })),
  bad(
    "weights for round robin",
    file({ group: ", algorithm: round_robin" }).replace("gateways: [ai]", "gateways: [{ gateway: ai, weight: 2 }]"),
  ),
  // dids and outbound
  bad("a DID without a target", did('number: "+15551234567"')),
  bad("a DID with an empty list of targets", did('number: "+15551234567", to: []')),
  bad("a target that is only a word", did('number: "+15551234567", to: pool')),
  bad("a target that isn't there", did('number: "+15551234567", to: group pol')),
  bad("a group called as a gateway", did('number: "+15551234567", to: gateway pool')),
  bad("a target of another tenant", did('number: "+15551234567", tenant: acme, to: group pool')),
  bad("a DID of a tenant without a trunk", did('number: "+15551234567", tenant: acme, to: reject 404')),
  bad("a weight at the gateway", file({ gateway: ", weight: 5" })),
  bad("reject with a success", did('number: "+15551234567", to: reject 200')),
  bad("what stands behind a reject", did('number: "+15551234567", to: [reject 486, group pool]')),
  bad("a star in the middle", did('number: "+49*30", to: group pool')),
  bad(
    "the same number in two spellings",
    file({ rest: 'dids:\n  - { number: "+1 555 123 4567", to: group pool }\n  - { number: "+15551234567", to: gateway ai }' }),
  ),
  bad("a number without its plus", did('number: "4930123456", to: group pool')),
  bad("a trunk that isn't there", did('number: "+15551234567", trunks: [carier], to: group pool')),
  bad("a gateway where a trunk calls", did('number: "+15551234567", trunks: [ai], to: group pool')),
  bad("a day that no week has", did('number: "+15551234567", when: { days: someday }, to: group pool')),
  bad("a time of day with a dot", did('number: "+15551234567", when: { from: "8.00" }, to: group pool')),
  bad("a time zone by its country", did('number: "+15551234567", when: { timezone: Germany }, to: group pool')),
  bad("a caller by name", did('number: "+15551234567", callers: [bob], to: group pool')),
  bad(
    "a caller who is let in and blocked",
    did('number: "+15551234567", callers: ["+4930*"], blocked_callers: ["+4930*"], to: group pool'),
  ),
  bad(
    "a try that is longer than the budget",
    did('number: "+15551234567", to: group pool, hunt: { try_timeout_ms: 5000, setup_budget_ms: 2000 }'),
  ),
  bad("a time of 0 ms", did('number: "+15551234567", to: group pool, hunt: { ring_timeout_ms: 0 }')),
  bad("a field of hunt that isn't there", did('number: "+15551234567", to: group pool, hunt: { timeout_ms: 2000 }')),
  bad("a prefix without its plus", outbound('name: germany, prefix: "4930", to: trunk carrier')),
  bad(
    "two rules for the same calls",
    file({ rest: 'outbound:\n  - { name: one, prefix: "+49", to: trunk carrier }\n  - { name: two, prefix: "+49", to: reject 403 }' }),
  ),
  bad("a rule for a trunk's calls", outbound("name: world, from: [carrier], to: trunk carrier")),
  bad(
    "a rule to a trunk that takes no calls",
    file({
      trunks: "  - { name: inbound, listener: main, addresses: [198.51.100.9] }",
      rest: "outbound:\n  - { name: world, to: trunk inbound }",
    }),
  ),
  bad("two trunks that nothing tells apart", file({ trunks: '  - { name: twin, listener: main, uri: "sip:198.51.100.1" }' })),
  bad("limits of a trunk that there isn't", file({ rest: "limits:\n  trunks:\n    - { name: carier, minutes_per_day: 60 }" })),
  bad("limits by a country's name", file({ rest: "limits:\n  tenants:\n    - { name: default, allowed_countries: [Germany] }" })),
  bad("a destination of a source", file({ rest: "limits:\n  sources:\n    - { address: 192.0.2.1, premium: allow }" })),
  bad("limits without a name", file({ rest: "limits:\n  tenants:\n    - { calls_max: 5 }" })),
  bad("a prefix without a plus", file({ rest: 'limits:\n  tenants:\n    - { name: default, denied_prefixes: ["0900"] }' })),
];
