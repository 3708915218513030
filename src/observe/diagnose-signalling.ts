/** Findings in the messages: who didn't answer, refused, challenged, lost, or named an address that leads nowhere. */
import type { Examined, Finding } from "./diagnose.ts";
import { counted, saw } from "./diagnose.ts";
import { isPrivateAddress, isPublicAddress } from "./sip-facts.ts";

const TLS = /\bTLS_|\btls\b|certificate|handshake|self.signed|CERT_/i;
const DNS = /\bDNS|^NOT_FOUND|NXDOMAIN|no address for/i;
/** Fewer happen on every network. */
const RETRANSMISSIONS_MIN = 2;

export function signallingFindings(call: Examined): readonly Finding[] {
  return [noAck, authentication, notRegistered, refused, tls, dns, unreachable, crossed, sessionTimer, natContact, loss].flatMap(
    (rule) => rule(call) ?? [],
  );
}

function noAck({ cdr, messages, nameOf }: Examined): Finding | undefined {
  if (cdr === undefined || !cdr.endReason.startsWith("no ACK")) return undefined;
  const answer = messages.find(({ status, direction, method }) => status === 200 && direction === "out" && method === "INVITE");
  const contact = answer?.header("contact") ?? "";
  return {
    code: "NO_ACK",
    severity: "error",
    title: "Our answer was never acknowledged",
    evidence: [...(answer === undefined ? [] : [saw(answer, nameOf(answer), `Contact ${contact}`)]), counted(cdr.endReason)],
    advice:
      "the Contact must be an address that the caller can reach: advertise: of the listener; or a firewall or SIP ALG between drops the ACK",
  };
}

function authentication({ cdr, messages, nameOf }: Examined): Finding | undefined {
  const challenges = messages.filter(
    ({ status, method, retransmission }) => (status === 401 || status === 407) && method === "INVITE" && !retransmission,
  );
  const last = challenges.at(-1);
  if (last === undefined) return undefined;
  const ofIt = challenges.filter(({ sipCallId }) => sipCallId === last.sipCallId);
  const challengeOf = (message: typeof last): string => message.header(message.status === 401 ? "www-authenticate" : "proxy-authenticate");
  const realm = /realm="([^"]*)"/i.exec(challengeOf(last))?.[1] ?? "";
  const stale = ofIt.filter((one) => /stale=["]?true/i.test(challengeOf(one)));
  const evidence = ofIt.map((one) => saw(one, nameOf(one), `realm "${realm}"`));
  if (stale.length >= 2)
    return {
      code: "AUTH_STALE_LOOP",
      severity: "error",
      title: "Each answer to the challenge was called stale",
      evidence,
      advice: "two machines behind one address that don't share their nonces, or a clock that jumps: ask whoever challenges",
    };
  const proven = messages.some(
    (one) =>
      one.sipCallId === last.sipCallId &&
      one.status === 0 &&
      one.method === "INVITE" &&
      (one.header("authorization") || one.header("proxy-authorization")) !== "",
  );
  const accepted = messages.some(
    (one) =>
      one.sipCallId === last.sipCallId &&
      one.number > last.number &&
      one.status >= 180 &&
      (one.status !== 403 || one.direction === "out") &&
      one.method === "INVITE",
  );
  if (accepted || (cdr !== undefined && cdr.answeredAtMs !== undefined && cdr.attempts.every(({ outcome }) => outcome !== "auth_failed")))
    return undefined;
  const weAsk = last.direction === "out";
  return {
    code: "AUTH_FAILED",
    severity: "error",
    title: weAsk ? "The caller didn't prove himself" : "Our user name or password was refused",
    evidence,
    advice: proven
      ? `the password; auth_username where it differs from username; realm: "${realm}" if another stands in the configuration`
      : weAsk
        ? "the caller must answer the challenge with the digest user of this trunk or gateway; or its address belongs into addresses:"
        : `username and password of this peer, for realm "${realm}"`,
  };
}

function notRegistered({ cdr, registrations = [] }: Examined): Finding | undefined {
  if (cdr === undefined || cdr.answeredAtMs !== undefined) return undefined;
  const used = new Set(cdr.attempts.map(({ peer }) => peer));
  const missing = registrations.filter(({ trunk, standing }) => used.has(trunk) && standing !== "registered");
  if (missing.length === 0) return undefined;
  return {
    code: "NOT_REGISTERED",
    severity: "warning",
    title: "A trunk that has to be registered is not",
    evidence: missing.map(({ trunk, standing, reason }) => counted(`${trunk} is ${standing}${reason === "" ? "" : `: ${reason}`}`)),
    advice: "tandem trunks shows since when and why; tandem preflight <trunk> goes through it step by step",
  };
}

function refused({ cdr, messages, nameOf }: Examined): Finding | undefined {
  const attempts = (cdr?.attempts ?? []).filter(
    ({ status, outcome }) => status === 403 || status === 404 || status === 603 || (status >= 500 && outcome !== "media_failed"),
  );
  if (cdr === undefined || attempts.length === 0) return undefined;
  const said = messages.filter(
    ({ status, direction, method }) => direction === "in" && method === "INVITE" && attempts.some((one) => one.status === status),
  );
  const forbidden = attempts.some(({ status }) => status === 403);
  const number = attempts.some(({ status }) => status === 404);
  return {
    code: number ? "NUMBER_REFUSED" : "REFUSED_BY_PEER",
    severity: cdr.answeredAtMs === undefined ? "error" : "warning",
    title: number ? "The far side doesn't know the number" : forbidden ? "The far side doesn't let us in" : "The far side refused",
    evidence: [
      ...attempts.map(({ peer, status, reason }) =>
        counted(`${peer}: ${reason.includes(String(status)) ? reason : `${status}, ${reason}`}`),
      ),
      ...said.map((one) => saw(one, nameOf(one), one.header("reason") || one.header("warning"))),
    ],
    advice: number
      ? "numbers: write: and rewrite: of that peer, so that it gets the number as it wants it"
      : forbidden
        ? "our address in its access list, the caller's number among those it lets us show, credit and destination there"
        : "its own words are in the evidence; nothing here keeps the call from being tried elsewhere: a further gateway or backup_trunks",
  };
}

const reasonsLike = ({ cdr }: Examined, pattern: RegExp) =>
  (cdr?.attempts ?? [])
    .filter(({ reason, status }) => status === 0 && pattern.test(reason))
    .map(({ peer, target, reason }) => counted(`${peer} at ${target}: ${reason}`));

function tls(call: Examined): Finding | undefined {
  const evidence = reasonsLike(call, TLS);
  if (evidence.length === 0) return undefined;
  return {
    code: "TLS_FAILED",
    severity: call.cdr?.answeredAtMs === undefined ? "error" : "warning",
    title: "TLS with the far side failed",
    evidence,
    advice: "its certificate must be valid, for the name in uri:, and of an authority that we trust; tandem preflight shows it",
  };
}

function dns(call: Examined): Finding | undefined {
  const evidence = reasonsLike(call, DNS);
  if (evidence.length === 0) return undefined;
  return {
    code: "DNS_FAILED",
    severity: call.cdr?.answeredAtMs === undefined ? "error" : "warning",
    title: "The far side's name has no address",
    evidence,
    advice: "the name in uri:, dns_servers: of the node; a port in the uri where its DNS has no SRV",
  };
}

function unreachable(call: Examined): Finding | undefined {
  const { cdr, messages, nameOf } = call;
  if (cdr === undefined) return undefined;
  const dead = cdr.attempts.filter(
    ({ status, reason }) =>
      status === 0 &&
      /^no response|ECONN|EHOST|EAFNO|^NO_LISTENER|^NO_TRANSPORT|^NO_HOST|ENETUN|ETIMEDOUT|next at once/.test(reason) &&
      !TLS.test(reason) &&
      !DNS.test(reason),
  );
  if (dead.length === 0) return undefined;
  const silent = dead.every(({ reason }) => reason.startsWith("no response"));
  const out = messages.find(
    ({ method, status, direction, ...one }) =>
      method === "INVITE" &&
      status === 0 &&
      direction === "out" &&
      dead.some(({ peer }) => peer === nameOf({ method, status, direction, ...one })),
  );
  return {
    code: silent ? "NO_RESPONSE" : "UNREACHABLE",
    severity: cdr.answeredAtMs === undefined ? "error" : "warning",
    title: silent ? "The far side said nothing at all" : "The far side can't be reached",
    evidence: [
      ...dead.map(({ peer, target, reason }) => counted(`${peer} at ${target}: ${reason}`)),
      ...(out === undefined ? [] : [saw(out, nameOf(out))]),
    ],
    advice:
      "is it running there, does a firewall let us through, does it know our address: unknown ones often get silence; tandem preflight",
  };
}

function crossed({ messages, nameOf }: Examined): Finding | undefined {
  for (const cancel of messages) {
    if (cancel.method !== "CANCEL" || cancel.status !== 0 || cancel.retransmission) continue;
    const answer = messages.find(
      (one) => one.status === 200 && one.method === "INVITE" && one.sipCallId === cancel.sipCallId && one.number > cancel.number,
    );
    if (answer !== undefined)
      return {
        code: "CANCEL_CROSSED_ANSWER",
        severity: "note",
        title: "CANCEL and answer crossed on the way",
        evidence: [saw(cancel, nameOf(cancel)), saw(answer, nameOf(answer))],
        advice: "nothing: it was answered and hung up at once; often, a caller whose patience ends as the AI answers: let it answer sooner",
      };
  }
  return undefined;
}

function sessionTimer({ messages, nameOf, cdr }: Examined): Finding | undefined {
  const refusal = messages.find(({ status }) => status === 422);
  if (refusal === undefined) return undefined;
  return {
    code: "SESSION_TIMER",
    severity: cdr !== undefined && cdr.answeredAtMs === undefined ? "error" : "note",
    title: "The session timer was too short",
    evidence: [saw(refusal, nameOf(refusal), `Min-SE ${refusal.header("min-se")}`)],
    advice: "whoever asked must ask again with at least the Min-SE of the answer (RFC 4028 §7.4)",
  };
}

/** RFC 3261 §8.1.1.8: where requests within the dialog go. */
function natContact({ messages, nameOf, cdr }: Examined): Finding | undefined {
  const wrong = messages.find(
    ({ direction, contactHost, remoteHost, method, status }) =>
      direction === "in" &&
      method === "INVITE" &&
      (status === 0 || status === 200) &&
      isPrivateAddress(contactHost) &&
      isPublicAddress(remoteHost),
  );
  if (wrong === undefined) return undefined;
  const suffers =
    cdr?.endReason.startsWith("no ACK") === true ||
    messages.some(({ method, direction, retransmission }) => method === "BYE" && direction === "out" && retransmission);
  return {
    code: "NAT_CONTACT",
    severity: suffers ? "error" : "warning",
    title: "Its Contact is a private address",
    evidence: [saw(wrong, nameOf(wrong), `Contact ${wrong.contactHost}, but it came from ${wrong.remoteHost}`)],
    advice: "it stands behind NAT and doesn't know it: its public address in its own settings, and nat: yes at this trunk or gateway",
  };
}

function loss({ messages, nameOf }: Examined): Finding | undefined {
  const again = messages.filter(({ retransmission }) => retransmission);
  // Silence altogether is another finding: here both sides speak, and some of it is lost.
  const lossy = again.filter((one) =>
    messages.some((other) => other.remote === one.remote && other.direction === "in" && !other.retransmission),
  );
  if (lossy.length < RETRANSMISSIONS_MIN) return undefined;
  const per = new Map<string, number>();
  for (const one of lossy) {
    const what = `${one.status === 0 ? one.method : `${one.status} (${one.method})`} ${one.direction === "in" ? "from" : "to"} ${nameOf(one)}`;
    per.set(what, (per.get(what) ?? 0) + 1);
  }
  return {
    code: "SIGNALLING_LOSS",
    severity: "warning",
    title: "Messages had to be repeated",
    evidence: [
      ...[...per].map(([what, times]) => counted(`${what}: ${times} times again`)),
      saw(lossy[0]!, nameOf(lossy[0]!), "the first of them"),
    ],
    advice: "packets are lost on the way, or the far side answers late; large messages: transport tcp, fewer codecs",
  };
}
