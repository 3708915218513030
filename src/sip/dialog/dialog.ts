/**
 * The state of a dialog as pure functions (RFC 3261 §12): made from an INVITE and its response on either
 * side, refreshed by target refresh requests, checked by CSeq, and turned into requests inside the dialog.
 *
 * Deliberately not here: timers, transactions and who answers what (`confirmed-dialog.ts`), and resolving
 * where a request goes (`next-hop.ts`).
 */
import { bytesToWire, wireToBytes } from "#base/bytes.ts";
import type { HeaderField, OutgoingRequest, ReceivedCommon, ReceivedRequest, ReceivedResponse } from "#sip/message/message.ts";
import { parseNameAddr } from "#sip/message/parse-name-addr.ts";
import { ownText } from "#sip/message/received-message.ts";
import type { Flow, Target } from "#sip/transport/transport.ts";
import type { DialogState, InviteParameters, RequestParts } from "./user-agent.ts";

/** CSeq of the initial INVITE: any value does (§8.1.1.5), and one known beforehand lets a successor CANCEL it. Credentials raise it. */
export const INITIAL_SEQUENCE = 1;
export const sequenceOf = ({ sequence }: { readonly sequence?: number }): number => sequence ?? INITIAL_SEQUENCE;
/** §8.1.1.6: for requests whose sender names no other. */
const MAX_FORWARDS = 70;

/** §12.1.1: the UAS side, with the first response that carries our tag. */
export function dialogOfUas(request: ReceivedRequest, flow: Flow, localTag: string, localContact: string, confirmed: boolean): DialogState {
  const cseq = request.cseq();
  const from = request.header("From") ?? "";
  const own = ownTexts([
    request.callId(),
    withoutTag(request.header("To") ?? ""),
    withoutTag(from),
    // Absent from RFC 2543 peers: the empty tag then (§12.1.1).
    request.fromTag(),
    contactOf(request) ?? uriOf(from),
    ...request.headerValues("Record-Route"),
  ]);
  return {
    sipCallId: own[0]!,
    localUri: own[1]!,
    localTag,
    remoteUri: own[2]!,
    remoteTag: own[3]!,
    localSequence: 0,
    remoteSequence: cseq.ok ? cseq.value.number : undefined,
    remoteTarget: own[4]!,
    routeSet: own.slice(5),
    localContact,
    target: targetOf(flow),
    confirmed,
    peerAllows: allowsOf(request) ?? [],
  };
}

/** §12.1.2: the UAC side, from what our INVITE said and a response with a tag. */
export function dialogOfUac(parameters: InviteParameters, response: ReceivedResponse, flow: Flow, confirmed: boolean): DialogState {
  const routes = response.headerValues("Record-Route").toReversed();
  const { sipCallId, localUri, remoteUri, requestUri } = parameters;
  // Ours may be made of pieces of the caller's INVITE.
  const own = ownTexts([sipCallId, localUri, remoteUri, response.toTag(), contactOf(response) ?? requestUri, ...routes]);
  return {
    sipCallId: own[0]!,
    localUri: own[1]!,
    localTag: parameters.localTag,
    remoteUri: own[2]!,
    remoteTag: own[3]!,
    localSequence: sequenceOf(parameters),
    remoteSequence: undefined,
    remoteTarget: own[4]!,
    routeSet: own.slice(5),
    localContact: parameters.localContact,
    target: targetOf(flow),
    ...(parameters.behindNat === true && { behindNat: true }),
    confirmed,
    peerAllows: allowsOf(response) ?? [],
  };
}

/**
 * What our INVITE said of itself, as a response to it repeats it (§8.2.6.2): for answers to an INVITE that nothing
 * else is remembered of.
 */
export function invitationOf(response: ReceivedResponse, flow: Flow): InviteParameters {
  const cseq = response.cseq();
  const localTag = response.fromTag();
  const remoteUri = withoutTag(response.header("To") ?? "");
  return {
    requestUri: uriOf(remoteUri),
    target: targetOf(flow),
    routeSet: [],
    localUri: withoutTag(response.header("From") ?? ""),
    remoteUri,
    localTag,
    sipCallId: response.callId(),
    // Nothing that follows an unwanted 2xx names ours.
    localContact: "",
    branchPrefix: localTag,
    maxForwards: MAX_FORWARDS,
    ...(cseq.ok && { sequence: cseq.value.number }),
    headers: [],
    body: "",
  };
}

/** §12.2.2: does a request with our tag in To belong to this dialog? */
export const belongsTo = (state: DialogState, request: ReceivedRequest): boolean =>
  request.fromTag() === state.remoteTag && request.callId() === state.sipCallId;

/**
 * §12.2.2: "lower than the remote sequence number" is out of order: undefined, to be answered 500.
 * Gaps are fine. Otherwise the state that counted the request.
 */
export function countRequest(state: DialogState, request: ReceivedRequest): DialogState | undefined {
  const cseq = request.cseq();
  if (!cseq.ok) return undefined;
  const { number } = cseq.value;
  if (state.remoteSequence !== undefined && number < state.remoteSequence) return undefined;
  return number === state.remoteSequence ? state : { ...state, remoteSequence: number };
}

/** §12.2.1.2, §12.2.2: Contact of a target refresh request or of the 2xx to one; the route set stays. */
export function refreshTarget(state: DialogState, message: ReceivedCommon, flow: Flow): DialogState {
  const contact = contactOf(message) ?? state.remoteTarget;
  const allows = allowsOf(message) ?? state.peerAllows;
  const target = targetOf(flow);
  const unchanged = contact === state.remoteTarget && sameTarget(target, state.target) && sameList(allows, state.peerAllows);
  return unchanged ? state : { ...state, remoteTarget: ownTexts([contact])[0]!, target, peerAllows: allows };
}

/** A NAT gives another port when it likes; whoever stands behind it is where his last request came from. */
export function seenAt(state: DialogState, flow: Flow): DialogState {
  if (state.behindNat !== true) return state;
  const target = targetOf(flow);
  return sameTarget(target, state.target) ? state : { ...state, target };
}

/** The state whose localSequence is that of the next request. */
export const nextSequence = (state: DialogState): DialogState => ({ ...state, localSequence: state.localSequence + 1 });

export interface InDialogExtras {
  /** Contact of ours: INVITE and UPDATE refresh the target (§12.2). */
  readonly contact?: boolean;
  /** Allow, Supported, User-Agent … of the agent. */
  readonly headers?: readonly HeaderField[];
}

/**
 * A request inside the dialog (§12.2.1.1). `parts.headers` may bring its own Max-Forwards, which a B2BUA
 * that passes a request on has counted down.
 * @param sequence of an ACK: that of its INVITE
 */
export function requestInDialog(
  state: DialogState,
  method: string,
  sequence: number,
  parts: RequestParts,
  extras: InDialogExtras = {},
): OutgoingRequest {
  const { requestUri, routes } = routed(state);
  const headers: HeaderField[] = routes.map((route) => ["Route", route] as const);
  if (!parts.headers.some(([name]) => name.toLowerCase() === "max-forwards")) headers.push(["Max-Forwards", String(MAX_FORWARDS)]);
  headers.push(
    ["From", tagged(state.localUri, state.localTag)],
    ["To", tagged(state.remoteUri, state.remoteTag)],
    ["Call-ID", state.sipCallId],
    ["CSeq", `${sequence} ${method}`],
  );
  if (extras.contact === true) headers.push(["Contact", `<${state.localContact}>`]);
  headers.push(...(extras.headers ?? []), ...parts.headers);
  if (parts.body !== "" && parts.contentType !== undefined) headers.push(["Content-Type", parts.contentType]);
  return { method, requestUri, headers, body: parts.body };
}

/** The initial INVITE, a request outside a dialog, or the CANCEL and ACK that share its routes (§8.1.1). */
export function requestOutside(
  parameters: Omit<InviteParameters, "localContact"> & { readonly localContact?: string },
  method: string,
  sequence: number,
  extra: readonly HeaderField[],
): OutgoingRequest {
  const { requestUri, routes } = routed({ remoteTarget: parameters.requestUri, routeSet: parameters.routeSet });
  const headers: HeaderField[] = routes.map((route) => ["Route", route] as const);
  headers.push(
    ["Max-Forwards", String(parameters.maxForwards)],
    ["From", tagged(parameters.localUri, parameters.localTag)],
    ["To", parameters.remoteUri],
    ["Call-ID", parameters.sipCallId],
    ["CSeq", `${sequence} ${method}`],
  );
  if (parameters.localContact !== undefined) headers.push(["Contact", `<${parameters.localContact}>`]);
  headers.push(...extra, ...parameters.headers);
  if (parameters.body !== "" && parameters.contentType !== undefined) headers.push(["Content-Type", parameters.contentType]);
  return { method, requestUri, headers, body: parameters.body };
}

/** The URI whose host gets the next request: the first Route, a strict router too, or the remote target (§12.2.1.1). */
export function nextHopUri(state: Pick<DialogState, "routeSet" | "remoteTarget">): string {
  const first = state.routeSet[0];
  return first === undefined ? state.remoteTarget : uriOf(first);
}

function routed(state: Pick<DialogState, "routeSet" | "remoteTarget">): { requestUri: string; routes: readonly string[] } {
  const first = state.routeSet[0];
  if (first === undefined || isLoose(first)) return { requestUri: state.remoteTarget, routes: state.routeSet };
  // §12.2.1.1: a strict router finds itself in the Request-URI and the remote target last in Route.
  return { requestUri: asRequestUri(uriOf(first)), routes: [...state.routeSet.slice(1), `<${state.remoteTarget}>`] };
}

function isLoose(route: string): boolean {
  const parsed = parseNameAddr(route);
  return parsed.ok && parsed.value.uri.parameters.has("lr");
}

/** §12.2.1.1: "stripping any parameters that are not allowed in a Request-URI": method and headers (§19.1.1). */
const asRequestUri = (uri: string): string => uri.replace(/\?.*$/s, "").replace(/;method=[^;]*/gi, "");

function uriOf(nameAddr: string): string {
  const parsed = parseNameAddr(nameAddr);
  return parsed.ok ? parsed.value.uriText : nameAddr;
}

function contactOf(message: ReceivedCommon): string | undefined {
  const contact = message.contact();
  return contact.ok && contact.value !== undefined && contact.value !== "star" ? contact.value.uriText : undefined;
}

/** By the text of an Allow that stands in one line: peers say the same in every message. Bounded, because strangers write it. */
const ALLOWS = new Map<string, readonly string[]>();
const ALLOWS_MAX = 64;
const ALLOW_CHARS_MAX = 256;

function allowsOf(message: ReceivedCommon): readonly string[] | undefined {
  const text = message.header("Allow");
  if (text === undefined) return undefined;
  const isUsual = text.length <= ALLOW_CHARS_MAX && message.headerCount("Allow") === 1;
  const known = isUsual ? ALLOWS.get(text) : undefined;
  if (known !== undefined) return known;
  const methods = ownTexts(message.headerValues("Allow").filter((method) => method !== ""));
  if (!isUsual) return methods;
  if (ALLOWS.size === ALLOWS_MAX) ALLOWS.clear();
  ALLOWS.set(ownText(text), methods);
  return methods;
}

/** Where the peer was seen. */
export function targetOf(flow: Flow): Target {
  const { transport, listener, remoteAddress: address, remotePort: port, connection, tls } = flow;
  if (connection === 0 && tls === undefined) return { transport, listener, address, port };
  return { transport, listener, address, port, ...(connection !== 0 && { connection }), ...(tls !== undefined && { tls }) };
}

const sameTarget = (a: Target, b: Target): boolean =>
  a.address === b.address && a.port === b.port && a.transport === b.transport && a.listener === b.listener && a.connection === b.connection;

const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index]);

const tagged = (value: string, tag: string): string => (tag === "" ? value : `${value};tag=${tag}`);

/** A From or To value without its tag; every other parameter stays where it was. */
export function withoutTag(value: string): string {
  const start = parametersStart(value);
  let kept = value.slice(0, start).trimEnd();
  for (let at = start; at < value.length; ) {
    const end = unquotedIndex(value, ";", at + 1);
    const parameter = value.slice(at, end);
    if (!/^;\s*tag\s*(=|$)/i.test(parameter)) kept += parameter.trimEnd();
    at = end;
  }
  return kept;
}

/** Index of the ";" that starts the header parameters; without <> all parameters are the header's (§20). */
function parametersStart(value: string): number {
  const open = unquotedIndex(value, "<", 0);
  const close = open === value.length ? 0 : unquotedIndex(value, ">", open);
  return unquotedIndex(value, ";", close);
}

/** Where `char` stands outside quoted strings; the length when nowhere. */
function unquotedIndex(value: string, char: string, from: number): number {
  let quoted = false;
  for (let i = from; i < value.length; i++) {
    const here = value[i];
    if (quoted && here === "\\") i++;
    else if (here === '"') quoted = !quoted;
    else if (!quoted && here === char) return i;
  }
  return value.length;
}

/**
 * The same texts over one small string of their own. Pieces cut from a received message would keep the whole
 * message alive for as long as the call.
 */
function ownTexts(texts: readonly string[]): readonly string[] {
  if (texts.length === 0) return texts;
  // Header values are unfolded, so none holds a line feed.
  const own = bytesToWire(wireToBytes(texts.join("\n"))).split("\n");
  return own.length === texts.length ? own : texts;
}
