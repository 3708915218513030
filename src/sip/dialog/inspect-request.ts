/**
 * What a UAS looks at before it takes a request up (RFC 3261 §8.2.1–§8.2.3, in that order), as a pure
 * function: method, Request-URI scheme, required extensions, body. Max-Forwards is for who passes a request on.
 *
 * Syntax is the transaction layer's (400, 505); authentication, CSeq and dialog matching happen elsewhere.
 * To is not looked at: a registrar may serve other names than the Request-URI's (§8.2.2.1), and so do we.
 */
import type { HeaderField, ReceivedRequest } from "#sip/message/message.ts";
import type { TransportName } from "#sip/transport/transport.ts";

export interface UasPolicy {
  /** Allow, in this order. */
  readonly methods: readonly string[];
  /** Understood inside a dialog, where its owner says yes or no, and not advertised. */
  readonly inDialog?: readonly string[];
  /** Option tags we implement. */
  readonly supported: readonly string[];
  /** Body types by method, lower case, the preferred first; a method that is absent takes any. */
  readonly bodyTypes: Readonly<Record<string, readonly string[]>>;
}

export const DEFAULT_POLICY: UasPolicy = {
  methods: ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE"],
  inDialog: ["REFER", "NOTIFY"],
  supported: [],
  bodyTypes: {
    INVITE: ["application/sdp", "multipart/mixed"],
    UPDATE: ["application/sdp", "multipart/mixed"],
  },
};

export interface Refusal {
  readonly status: number;
  readonly reasonPhrase: string;
  readonly headers: readonly HeaderField[];
}

const refusal = (status: number, reasonPhrase: string, headers: readonly HeaderField[] = []): Refusal => ({
  status,
  reasonPhrase,
  headers,
});

/** Dispositions that we understand; "session" is what SDP means without saying it (§20.11). */
const KNOWN_DISPOSITIONS = ["session", "render", "info-package"];
const SECURE: readonly TransportName[] = ["TLS", "WSS"];

/** undefined: nothing against it. */
export function inspectRequest(request: ReceivedRequest, transport: TransportName, policy: UasPolicy): Refusal | undefined {
  // §8.2.1: "it MUST generate a 405" with Allow.
  const { method } = request;
  if (!policy.methods.includes(method) && !(request.toTag() !== "" && policy.inDialog?.includes(method) === true)) {
    return refusal(405, "Method Not Allowed", [["Allow", policy.methods.join(", ")]]);
  }
  return inspectScheme(request, transport) ?? inspectRequire(request, policy) ?? inspectBody(request, policy);
}

/** §8.2.2.1: 416 for a scheme that we don't serve; sips: means TLS on every hop (§26.2.2). */
function inspectScheme(request: ReceivedRequest, transport: TransportName): Refusal | undefined {
  const uri = request.uri();
  if (!uri.ok) return refusal(400, "Malformed Request-URI");
  const { scheme } = uri.value;
  if (scheme === "sip" || scheme === "tel" || (scheme === "sips" && SECURE.includes(transport))) return undefined;
  return refusal(416, "Unsupported URI Scheme");
}

/** §8.2.2.3. Proxy-Require is for proxies. */
function inspectRequire(request: ReceivedRequest, policy: UasPolicy): Refusal | undefined {
  if (request.header("Require") === undefined) return undefined;
  const unsupported = request.headerValues("Require").filter((tag) => tag !== "" && !policy.supported.includes(tag.toLowerCase()));
  return unsupported.length === 0 ? undefined : refusal(420, "Bad Extension", [["Unsupported", unsupported.join(", ")]]);
}

/** §8.2.3: a body that we can't use ends the request unless its disposition makes it optional. */
function inspectBody(request: ReceivedRequest, policy: UasPolicy): Refusal | undefined {
  if (request.body === "") return undefined;
  const disposition = dispositionOf(request);
  if (disposition.optional) return undefined;
  if (!KNOWN_DISPOSITIONS.includes(disposition.type)) return refusal(415, "Unsupported Media Type", acceptHeaders(request, policy));
  const encodings = request.headerValues("Content-Encoding").filter((encoding) => encoding !== "");
  if (encodings.some((encoding) => encoding.toLowerCase() !== "identity")) {
    return refusal(415, "Unsupported Media Type", [["Accept-Encoding", "identity"]]);
  }
  const accepted = policy.bodyTypes[request.method];
  if (accepted === undefined || accepted.includes(request.contentType())) return undefined;
  return refusal(415, "Unsupported Media Type", acceptHeaders(request, policy));
}

function acceptHeaders(request: ReceivedRequest, policy: UasPolicy): readonly HeaderField[] {
  const accepted = policy.bodyTypes[request.method] ?? [];
  return accepted.length === 0 ? [] : [["Accept", accepted.join(", ")]];
}

/** §20.11: handling is "required" unless it says "optional". */
function dispositionOf(request: ReceivedRequest): { readonly type: string; readonly optional: boolean } {
  const [type = "", ...parameters] = (request.header("Content-Disposition") ?? "session").split(";");
  const optional = parameters.some((parameter) => /^\s*handling\s*=\s*"?optional"?\s*$/i.test(parameter));
  return { type: type.trim().toLowerCase(), optional };
}
