/**
 * Plants unique words in everything that a SIP message can say (RFC 3261 §20, RFC 8866 §5, and what vendors
 * add), in sipp scenarios: whatever of one side's network shows at the other is named by its word.
 *
 * The caller's display name and number carry none: they are the caller's identity, which passes.
 */

/** One letter for each side, so that a leak says where from. */
export type Planter = "a" | "b";

const word = (side: Planter, where: string): string => `canary-${side}-${where}`;

/** Numbers that stand where no words can; far from what anything else would say. */
const NUMBERS: Readonly<Record<Planter, Readonly<Record<string, string>>>> = {
  a: {
    session: "771100551",
    version: "771100552",
    start: "3771100553",
    stop: "3771100554",
    bandwidth: "771100",
    ssrc: "771100556",
    stamp: "77110.055",
    expires: "77113",
  },
  b: {
    session: "882200661",
    version: "882200662",
    start: "3882200663",
    stop: "3882200664",
    bandwidth: "882200",
    ssrc: "882200666",
    stamp: "88220.066",
    expires: "88223",
  },
};

/** Header fields that no dialog depends on, in full and compact form, known and unknown. */
function fields(side: Planter): readonly string[] {
  const w = (where: string): string => word(side, where);
  const uri = (where: string): string => `<sip:${w(where)}@${w(where)}.example;${w(`${where}-parameter`)}=1>;${w(`${where}-field`)}=1`;
  const plain = [
    "Organization",
    "Server",
    "User-Agent",
    "In-Reply-To",
    "Priority",
    "Session-ID",
    "P-Asserted-Service",
    "P-Early-Media",
    "P-Charging-Vector",
    "P-Visited-Network-ID",
    "P-Access-Network-Info",
    "P-User-Database",
    "P-Answer-State",
    "P-Profile-Key",
    "Resource-Priority",
    "User-to-User",
    "X-Canary",
    "X-Asterisk-HangupCause",
    "X-Twilio-CallSid",
    "X-LK-RoomName",
    "Content-Language",
    "Accept-Language",
    "Accept-Encoding",
    "Unsupported",
    "SIP-ETag",
    "Security-Client",
    "Info-Package",
    "Recv-Info",
    "Feature-Caps",
    "Encryption",
    "Response-Key",
    "Geolocation-Routing",
    "Answer-Mode",
    "Allow-Events",
    "Accept-Resource-Priority",
    "Policy-ID",
    "P-Media-Authorization",
    "P-Private-Network-Indication",
    "Refer-Sub",
    "Suppress-If-Match",
    "CSeq-Canary",
    "Via-Canary",
  ];
  const uris = [
    "Alert-Info",
    "Call-Info",
    "Error-Info",
    "Diversion",
    "History-Info",
    "Geolocation",
    "Reply-To",
    "Referred-By",
    "Remote-Party-ID",
    "P-Preferred-Identity",
    "P-Called-Party-ID",
    "P-Associated-URI",
    "P-Served-User",
    "P-Charging-Function-Addresses-URI",
    "Path",
    "Service-Route",
    "Policy-Contact",
    "Trigger-Consent",
    "Refer-To",
  ];
  return [
    ...plain.map((name) => `${name}: ${w(name.toLowerCase())}`),
    ...uris.map((name) => `${name}: ${uri(name.toLowerCase())}`),
    `P-Asserted-Identity: "Caller" <sip:+4930123456;npdi;rn=${w("pai-user-parameter")}@${w("pai-host")}.example;${w("pai-parameter")}=1>`,
    `Record-Route: <sip:${w("record-route")}@[local_ip]:[local_port];lr;${w("record-route-parameter")}=1>`,
    `Warning: 399 ${w("warning-agent")}.example "${w("warning-text")}"`,
    `Supported: ${w("supported")}`,
    `Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, UPDATE, INFO, ${w("allow").toUpperCase()}`,
    `Accept: application/sdp, application/${w("accept")}`,
    `Authorization: Digest username="${w("user")}", realm="${w("realm")}", nonce="${w("nonce")}", uri="sip:${w("digest-uri")}.example", response="0123456789abcdef0123456789abcdef"`,
    `Authentication-Info: nextnonce="${w("nextnonce")}"`,
    `Identity: ${w("identity")};info=<https://${w("identity-info")}.example/cert>;alg=ES256`,
    `Session-Expires: 1800;refresher=uac;${w("session-expires")}=1`,
    `Min-SE: 90;${w("min-se")}=1`,
    `Content-Disposition: session;${w("disposition")}=1`,
    `MIME-Version: 1.0 (${w("mime")})`,
    `Expires: ${NUMBERS[side]["expires"]}`,
    `Timestamp: ${NUMBERS[side]["stamp"]}`,
    `Date: Thu, 21 Feb 2002 13:02:${side === "a" ? "03" : "04"} GMT`,
    `Retry-After: 18000;${w("retry-after")}=1`,
    `Reason: Q.850;cause=17;text="${w("reason-q850-text")}", SIP;cause=480;text="${w("reason-sip-text")}", ${w("reason-protocol")};cause=1`,
    `Privacy: none;${w("privacy")}`,
    // Compact forms (RFC 3261 §7.3.3, IANA's registry).
    `s: ${w("compact-subject")}`,
    `k: ${w("compact-supported")}`,
    `u: ${w("compact-allow-events")}`,
    `o: ${w("compact-event")}`,
    `a: *;${w("compact-accept-contact")}`,
    `j: *;${w("compact-reject-contact")}`,
    `d: ${w("compact-disposition")}`,
    `b: ${uri("compact-referred-by")}`,
    `y: ${w("compact-identity")}`,
    `n: ${w("compact-identity-info")}`,
  ];
}

/** A description where every line that can carry a word does (RFC 8866 §5). */
export function plantedSdp(side: Planter, direction = "sendrecv", version = 0): string {
  const w = (where: string): string => word(side, where);
  const n = NUMBERS[side];
  return [
    "v=0",
    `o=${w("o-name")} ${n["session"]} ${Number(n["version"]) + version} IN IP4 [media_ip]`,
    `s=${w("s-line")}`,
    `i=${w("i-line")}`,
    `u=http://${w("u-line")}.example/`,
    `e=${w("e-line")}@example.com`,
    `p=+1 617 555-6011 (${w("p-line")})`,
    "c=IN IP4 [media_ip]",
    `b=X-${w("b-type")}:${n["bandwidth"]}`,
    `b=AS:${n["bandwidth"]}`,
    `t=${n["start"]} ${n["stop"]}`,
    `r=604800 3600 0 9${n["bandwidth"]}`,
    `z=${n["start"]} -1h ${n["stop"]} 0`,
    `k=clear:${w("k-line")}`,
    `a=tool:${w("tool")}`,
    `a=group:BUNDLE ${w("group")}`,
    `a=ice-ufrag:${w("session-ufrag")}`,
    `a=${w("session-flag")}`,
    `a=${w("session-attribute")}:1`,
    "m=audio [media_port] RTP/AVP 0 8 101 97 98",
    `i=${w("media-i-line")}`,
    `b=TIAS:${n["bandwidth"]}`,
    `k=prompt:${w("media-k-line")}`,
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:101 telephone-event/8000",
    `a=fmtp:101 0-16 ${w("event-fmtp")}`,
    `a=rtpmap:97 ${w("codec")}/8000`,
    `a=fmtp:97 ${w("codec-fmtp")}=1`,
    "a=rtpmap:98 iLBC/8000",
    `a=fmtp:98 mode=30;${w("fmtp-parameter")}=1`,
    "a=ptime:20",
    `a=${direction}`,
    `a=mid:${w("mid")}`,
    `a=msid:${w("msid")} ${w("msid-track")}`,
    `a=ssrc:${n["ssrc"]} cname:${w("cname")}`,
    `a=rtcp-fb:* ${w("rtcp-fb")}`,
    `a=extmap:1 urn:${w("extmap")}`,
    `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${w("crypto")}`,
    `a=ice-ufrag:${w("ufrag")}`,
    `a=ice-pwd:${w("pwd")}`,
    `a=candidate:1 1 UDP 2130706431 ${w("candidate")}.local 9 typ host`,
    `a=fingerprint:sha-256 ${w("fingerprint")}`,
    `a=label:${w("label")}`,
    `a=lang:${w("lang")}`,
    `a=${w("flag")}`,
    `a=${w("attribute")}:${w("attribute-value")}`,
    `m=${w("m-kind")} 9 ${w("m-protocol")} ${w("m-format")}`,
    `a=${w("declined-attribute")}:1`,
  ].join("\n");
}

/** The description as one part of several; the others are words. */
export const plantedMultipart = (side: Planter, sdp: string): { readonly contentType: string; readonly body: string } => ({
  contentType: `multipart/mixed;boundary=${word(side, "boundary")}`,
  body: [
    word(side, "preamble"),
    `--${word(side, "boundary")}`,
    "Content-Type: text/plain",
    `Content-ID: <${word(side, "part-id")}@example.com>`,
    "",
    word(side, "part-text"),
    `--${word(side, "boundary")}`,
    "Content-Type: application/sdp",
    `X-Part: ${word(side, "part-header")}`,
    "",
    sdp,
    "",
    `--${word(side, "boundary")}--`,
    word(side, "epilogue"),
  ].join("\n"),
});

export const plantedText = (side: Planter, where: string): { readonly contentType: string; readonly body: string } => ({
  contentType: `text/plain;${word(side, `${where}-type`)}=1`,
  body: word(side, where),
});

/** What opens, answers and ends a call says everything; a whole scenario may have 64 KB in sipp, so the others say less. */
const EVERYTHING = /^(?:INVITE sip:\[|CANCEL |BYE |SIP\/2\.0 (?:183|200|486|488) (?:OK|Progress|Busy|Not))/;
const LESS =
  /^(?:User-Agent|Server|X-Canary|Organization|Warning|Reason|Alert-Info|Call-Info|Allow|Supported|P-Asserted-Identity|Record-Route|Retry-After|Session-Expires|s|o):/;

/** What each message of a scenario says beside its bodies: headers, URIs, tags, phrases. */
export function planted(side: Planter, scenario: string): string {
  const w = (where: string): string => word(side, where);
  const ofRequests = [
    `Via: SIP/2.0/UDP ${w("via-host")}.example;branch=z9hG4bK${w("via-branch")}`,
    `Proxy-Authorization: Digest username="${w("proxy-user")}"`,
  ];
  const ofResponses = [
    `WWW-Authenticate: Digest realm="${w("challenge-realm")}", nonce="${w("challenge-nonce")}"`,
    `Proxy-Authenticate: Digest realm="${w("proxy-realm")}", nonce="${w("proxy-nonce")}"`,
  ];
  return scenario.replaceAll(/<send[^>]*><!\[CDATA\[\n([^]*?)\]\]><\/send>/g, (step: string, text: string) => {
    const all = fields(side);
    const isResponse = text.startsWith("SIP/2.0");
    const said = text
      .replace(/^SIP\/2\.0 (\d+) .*$/m, `SIP/2.0 $1 ${w("phrase")}-$1`)
      .replace(/^(\w+ sip:\[service\]@\[remote_ip\]:\[remote_port\]) SIP/m, `$1;${w("request-uri")}=1 SIP`)
      .replace("branch=[branch];rport", `branch=[branch]${w("branch")};rport;${w("via-parameter")}=1`)
      .replace("@[local_ip]:[local_port]>;tag=", `@[local_ip]:[local_port];${w("from-uri")}=1>;${w("from-parameter")}=1;tag=`)
      .replace("<sip:+4930123456@[local_ip]", `<sip:+4930123456;phone-context=${w("user-parameter")}:${w("password")}@[local_ip]`)
      .replaceAll(/;tag=\[pid\](\w)\[call_number\]/g, `;tag=[pid]$1[call_number]${w("tag")}`)
      .replace(
        "To: <sip:[service]@[remote_ip]:[remote_port]>",
        `To: "${w("to-name")}" <sip:[service]@[remote_ip]:[remote_port];${w("to-uri")}=1>`,
      )
      .replace(
        /^Contact: .*$/m,
        `Contact: "${w("contact-name")}" <sip:${w("contact-user")}@[local_ip]:[local_port];transport=[transport];${w("contact-uri")}=1>;${w("contact-parameter")}=1`,
      )
      // The proxies of the other side would be routed through: there are none.
      .replace("[routes]\n", "")
      .replace(
        "Content-Length: [len]",
        [
          ...(EVERYTHING.test(text) ? all : all.filter((field) => LESS.test(field))),
          ...(isResponse ? ofResponses : ofRequests),
          "Content-Length: [len]",
        ].join("\n"),
      );
    return step.replace(text, () => said);
  });
}

/** sipp arguments that plant the Call-ID. */
export const plantedCallId = (side: Planter): readonly string[] => ["-cid_str", `${word(side, "call-id")}-%u-%p@%s`];

/** The words and numbers of that side in a log, each once. */
export function canariesIn(log: string, side: Planter): readonly string[] {
  const words = Array.from(log.matchAll(new RegExp(`canary-${side}-[a-z0-9-]+`, "gi")), (match) => match[0].toLowerCase());
  const numbers = Object.values(NUMBERS[side]).filter((number) => new RegExp(`(?<!\\d)${number.replace(".", "\\.")}(?!\\d)`).test(log));
  return [...new Set([...words, ...numbers])].sort();
}
