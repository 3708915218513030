/**
 * sipp scenarios from steps, so that a test reads like the ladder it plays.
 *
 *     uac([invite(), recv(180, { optional: true }), recv(200), ack(), pause(500), bye(), recv(200)])
 */

export type Step = string;

const escapeAttribute = (text: string): string => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");

export interface Sdp {
  /** Payload types and rtpmaps; default PCMU, PCMA, telephone-event. */
  readonly formats?: string;
  readonly direction?: string;
  /** Extra lines of the session part or media part. */
  readonly sessionLines?: readonly string[];
  readonly mediaLines?: readonly string[];
  readonly version?: number;
  readonly port?: string;
}

export function sdp(options: Sdp = {}): string {
  const { formats = "0 8 101", direction = "sendrecv", sessionLines = [], mediaLines = [], version = 1, port = "[media_port]" } = options;
  const maps: Readonly<Record<string, string>> = { "0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000", "101": "telephone-event/8000" };
  return [
    "v=0",
    `o=peer 53655765 ${version} IN IP4 [media_ip]`,
    "s=peer",
    ...sessionLines,
    "c=IN IP4 [media_ip]",
    "t=0 0",
    `m=audio ${port} RTP/AVP ${formats}`,
    ...formats.split(" ").flatMap((format) => (maps[format] === undefined ? [] : [`a=rtpmap:${format} ${maps[format]}`])),
    ...(formats.includes("101") ? ["a=fmtp:101 0-16"] : []),
    "a=ptime:20",
    `a=${direction}`,
    ...mediaLines,
  ].join("\n");
}

export interface SendOptions {
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly contentType?: string;
  readonly retransmit?: boolean;
}

function message(startLine: string, headers: readonly string[], options: SendOptions): Step {
  const body = options.body ?? "";
  const lines = [
    startLine,
    ...headers,
    ...(options.headers ?? []),
    ...(body === "" ? [] : [`Content-Type: ${options.contentType ?? "application/sdp"}`]),
    "Content-Length: [len]",
    "",
    body,
  ];
  return `<send${options.retransmit === true ? ' retrans="500"' : ""}><![CDATA[\n${lines.join("\n")}\n${body === "" ? "\n" : ""}]]></send>`;
}

const VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport";
const FROM = 'From: "Caller" <sip:+4930123456@[local_ip]:[local_port]>;tag=[pid]c[call_number]';
const TO = "To: <sip:[service]@[remote_ip]:[remote_port]>";
const CONTACT = "Contact: <sip:peer@[local_ip]:[local_port];transport=[transport]>";

/** CSeq of the dialog's requests is given by the test: sipp keeps no count of its own across kinds. */
export const invite = (options: SendOptions = {}): Step =>
  message(
    "INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
    [
      VIA,
      "Max-Forwards: 70",
      FROM,
      TO,
      "Call-ID: [call_id]",
      "CSeq: 1 INVITE",
      CONTACT,
      "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, UPDATE, INFO",
    ],
    { body: sdp(), retransmit: true, ...options },
  );

export const cancel = (): Step =>
  message(
    "CANCEL sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
    ["[last_Via:]", "Max-Forwards: 70", FROM, TO, "Call-ID: [call_id]", "CSeq: 1 CANCEL"],
    { retransmit: true },
  );

/** ACK of a final response other than 2xx: same branch as the INVITE. */
export const ackFailure = (): Step =>
  message(
    "ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
    ["[last_Via:]", "Max-Forwards: 70", FROM, "[last_To:]", "Call-ID: [call_id]", "CSeq: 1 ACK"],
    {},
  );

/** A request inside the dialog, sent by the caller's side of the scenario. */
export const within = (method: string, cseq: number, options: SendOptions = {}): Step =>
  message(
    `${method} [next_url] SIP/2.0`,
    [
      VIA,
      "Max-Forwards: 70",
      "[routes]",
      FROM,
      "To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]",
      "Call-ID: [call_id]",
      `CSeq: ${cseq} ${method}`,
      CONTACT,
    ],
    {
      retransmit: method !== "ACK",
      ...options,
    },
  );
export const ack = (cseq = 1, options: SendOptions = {}): Step => within("ACK", cseq, options);
export const bye = (cseq = 2): Step => within("BYE", cseq);

/** A request inside the dialog, sent by the answering side: From and To change places. */
export const withinAsCallee = (method: string, cseq: number, options: SendOptions = {}): Step =>
  message(
    `${method} [next_url] SIP/2.0`,
    [
      VIA,
      "Max-Forwards: 70",
      "[routes]",
      "From: <sip:[service]@[local_ip]:[local_port]>;tag=[pid]u[call_number]",
      "To: [$peer]",
      "Call-ID: [call_id]",
      `CSeq: ${cseq} ${method}`,
      CONTACT,
    ],
    {
      retransmit: method !== "ACK",
      ...options,
    },
  );

export interface RecvOptions {
  readonly optional?: boolean;
  /** Milliseconds until the step fails. */
  readonly timeoutMs?: number;
}

/** A response (number) or request (method). */
export function recv(what: number | string, options: RecvOptions = {}): Step {
  const optional = options.optional === true ? ' optional="true"' : "";
  const timeout = options.timeoutMs === undefined ? "" : ` timeout="${options.timeoutMs}"`;
  if (typeof what === "number") return `<recv response="${what}" rrs="true"${optional}${timeout}></recv>`;
  // The From of what comes is the To of what we send as the callee.
  const remember = what === "INVITE" ? '<action><ereg regexp=":(.*)" search_in="hdr" header="From" assign_to="all,peer"/></action>' : "";
  return `<recv request="${what}" rrs="true" crlf="true"${optional}${timeout}>${remember}</recv>`;
}

export const respond = (status: number, reason: string, options: SendOptions = {}): Step =>
  message(
    `SIP/2.0 ${status} ${reason}`,
    [
      "[last_Via:]",
      "[last_Record-Route:]",
      "[last_From:]",
      status === 100 ? "[last_To:]" : "[last_To:];tag=[pid]u[call_number]",
      "[last_Call-ID:]",
      "[last_CSeq:]",
      CONTACT,
    ],
    options,
  );
/** Answer to a request inside the dialog: To has our tag already. */
export const respondWithin = (status: number, reason: string, options: SendOptions = {}): Step =>
  message(
    `SIP/2.0 ${status} ${reason}`,
    ["[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]", CONTACT],
    options,
  );

/** The end of a cancelled INVITE, after the CANCEL: what came last is the CANCEL, so the INVITE's CSeq is written out. */
export const terminated = (): Step => respond(487, "Request Terminated", { retransmit: true }).replace("[last_CSeq:]", "CSeq: 1 INVITE");

export const answer = (options: SendOptions = {}): Step => respond(200, "OK", { body: sdp(), retransmit: true, ...options });
export const pause = (durationMs: number): Step => `<pause milliseconds="${durationMs}"/>`;

/** Plays a headerless µ-law file once. */
export const playUlaw = (file: string): Step => `<nop><action><exec rtp_stream="${escapeAttribute(file)},1,0,PCMU/8000"/></action></nop>`;

const scenario = (name: string, steps: readonly Step[]): string => {
  const uses = steps.some((step) => step.includes('assign_to="all,peer"'));
  return `<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="${name}">\n${steps.join("\n")}\n${uses ? '<Reference variables="all,peer"/>\n' : ""}</scenario>\n`;
};
export const uac = (steps: readonly Step[]): string => scenario("uac", steps);
export const uas = (steps: readonly Step[]): string => scenario("uas", steps);

/** What most gateways do. */
export const ANSWERING = uas([recv("INVITE"), respond(180, "Ringing"), answer(), recv("ACK"), recv("BYE"), respondWithin(200, "OK")]);

/** The same, and OPTIONS is answered 200: a probe is a call of one request to sipp. */
export const PROBED = uas([
  '<recv request="OPTIONS" optional="true" next="1" rrs="true" crlf="true"></recv>',
  recv("INVITE"),
  respond(180, "Ringing"),
  answer(),
  recv("ACK"),
  recv("BYE", { timeoutMs: 30_000 }),
  respondWithin(200, "OK"),
  '<nop next="2"></nop>',
  '<label id="1"/>',
  respond(200, "OK"),
  '<label id="2"/>',
  "<nop></nop>",
]);
