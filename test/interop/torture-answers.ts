/**
 * What a running Tandem says to each torture message of RFC 4475 and RFC 5118, sent by a configured trunk, and
 * why. Who reads the bytes how is golden/torture.ts's table; this one is of the answers on the wire.
 *
 * Where answers go (RFC 3261 §18.2.2, RFC 3581 §4): over UDP to the address that the message came from,
 * whatever host its Via names, and to the port of that Via (5060 where it names none); with rport, or where
 * the Via cannot be read, to the source port. Over TCP back on the connection.
 */

export type Answer = number | "silence";

export interface TortureCase {
  readonly file: string;
  readonly why: string;
  /** The final responses over UDP. */
  readonly udp: Answer;
  /** Over TCP; several where the stream carries several messages. */
  readonly tcp: readonly Answer[];
  /** The port of our address at which the UDP answer arrives; undefined: the source port. */
  readonly port: number | undefined;
  /** Must stand in the answer. */
  readonly says?: RegExp;
  /** Framing is lost over TCP: the connection is closed after the answer (§18.3). */
  readonly closes?: true;
  /** Content-Length promises more than there is: over TCP nothing is answered until the rest has come. */
  readonly unfinished?: true;
  /** Shares branch and sent-by with others, and must not be taken for their repeat: gets a branch of its own. */
  readonly sharesBranch?: true;
}

type Extras = Partial<Omit<TortureCase, "file" | "why" | "udp">>;
const answered = (file: string, udp: Answer, why: string, extras: Extras = {}): TortureCase => ({
  file,
  udp,
  tcp: [udp],
  why,
  port: 5060,
  ...extras,
});
const silent = (file: string, why: string, extras: Extras = {}): TortureCase => answered(file, "silence", why, extras);

const ALLOW = /^Allow: .*INVITE/im;
const NO_REGISTRAR = "405 with Allow: no registrar here (§8.2.1)";

export const RFC_4475_ANSWERS: readonly TortureCase[] = [
  // §3.1.1, valid
  answered("wsinv.dat", 481, "§3.1.1.1: read in spite of its white space; its To tag names a dialog that we don't have (RFC 3261 §12.2.2)"),
  answered("intmeth.dat", 405, "§3.1.1.2: a method that nobody knows, spelt legally", { says: ALLOW }),
  answered("esc01.dat", 404, "§3.1.1.3: the user is sips:user@example.com, and no DID"),
  answered("escnull.dat", 405, `§3.1.1.4: ${NO_REGISTRAR}`, { says: ALLOW }),
  answered("esc02.dat", 405, "§3.1.1.5: RE%47IST%45R is a method of its own, not REGISTER", { says: ALLOW }),
  answered("lwsdisp.dat", 200, "§3.1.1.6: OPTIONS to us"),
  answered("longreq.dat", 404, "§3.1.1.7: read in spite of its length; no such DID"),
  answered(
    "dblreq.dat",
    405,
    `§3.1.1.8: a datagram ends with its Content-Length; a stream carries a REGISTER (${NO_REGISTRAR}) and an INVITE to no DID, whose body is longer than it says: what is left over is no message`,
    { tcp: [405, 404], closes: true },
  ),
  answered("semiuri.dat", 200, "§3.1.1.9: OPTIONS to us"),
  answered("transports.dat", 200, "§3.1.1.10: unknown transports in lower Vias concern nobody"),
  answered("mpart01.dat", 405, "§3.1.1.11: MESSAGE is not taken yet; its Via asks for rport (RFC 3581)", { port: undefined, says: ALLOW }),
  silent("unreason.dat", "§3.1.1.12: a 200 to no request of ours"),
  silent("noreason.dat", "§3.1.1.13: a 100 to no request of ours"),
  // §3.1.2, invalid
  answered("badinv01.dat", 400, "§3.1.2.1: separators without parameters in the Via, so the answer goes where the request came from", {
    port: undefined,
  }),
  answered("clerr.dat", 400, "§3.1.2.2: a datagram with less body than Content-Length (RFC 3261 §18.3); a stream waits for the rest", {
    tcp: [404],
    unfinished: true,
  }),
  answered("ncl.dat", 400, "§3.1.2.3: negative Content-Length", { closes: true }),
  answered("scalar02.dat", 400, "§3.1.2.4: CSeq beyond 2^31"),
  silent("scalarlg.dat", "§3.1.2.5: a response to no request of ours, with a CSeq beyond 2^31"),
  answered("quotbal.dat", 400, "§3.1.2.6: unterminated quote in To; the Via names port 5050", { port: 5050 }),
  answered("ltgtruri.dat", 400, "§3.1.2.7: Request-URI in < >"),
  answered("lwsruri.dat", 400, "§3.1.2.8: white space in the Request-URI"),
  answered("lwsstart.dat", 400, "§3.1.2.9: two spaces in the request line"),
  answered("trws.dat", 400, "§3.1.2.10: spaces behind the version"),
  answered("escruri.dat", 400, "§3.1.2.11: headers in the Request-URI"),
  answered("baddate.dat", 404, "§3.1.2.12: nothing depends on a Date, so it is let be; no such DID"),
  answered("regbadct.dat", 400, "§3.1.2.13: ? in a Contact without < >"),
  answered("badaspec.dat", 400, "§3.1.2.14: spaces within < > of To"),
  answered("baddn.dat", 400, "§3.1.2.15: comma in a display name without quotes"),
  answered("badvers.dat", 505, "§3.1.2.16: SIP/7.0, in the Via as well, which we therefore don't follow", { port: undefined }),
  answered("mismatch01.dat", 400, "§3.1.2.17: CSeq names another method"),
  answered("mismatch02.dat", 400, "§3.1.2.18: CSeq names another method than the unknown one"),
  silent("bigcode.dat", "§3.1.2.19: a response whose code has ten digits"),
  // §3.2 and §3.3
  answered("badbranch.dat", 400, "§3.2.1: the magic cookie and nothing behind it"),
  answered("insuf.dat", 400, "§3.3.1: no Call-ID, From and To; the answer has none either"),
  answered("unkscm.dat", 416, "§3.3.2: unknown scheme in the Request-URI"),
  answered("novelsc.dat", 416, "§3.3.3: a registered scheme that is not SIP's"),
  answered("unksm2.dat", 405, `§3.3.4: strange schemes in To, From and Contact; ${NO_REGISTRAR}`, { says: ALLOW }),
  answered("bext01.dat", 420, "§3.3.5: Require of unknown extensions", {
    says: /^Unsupported: nothingSupportsThis, nothingSupportsThisEither\r$/im,
  }),
  answered("invut.dat", 415, "§3.3.6: unknown content type", { says: /^Accept: .*application\/sdp/im }),
  answered("regaut01.dat", 405, `§3.3.7: unknown authorization scheme; ${NO_REGISTRAR}`, { says: ALLOW }),
  answered("multi01.dat", 400, "§3.3.8: From, To, Call-ID and CSeq twice and different"),
  answered("mcl01.dat", 400, "§3.3.9: two Content-Length that differ", { closes: true }),
  silent("bcast.dat", "§3.3.10: a 200 to no request of ours, never sent on"),
  answered("zeromf.dat", 200, "§3.3.11: Max-Forwards 0 is enough for an OPTIONS that ends here (RFC 3261 §11)"),
  answered("cparam01.dat", 405, `§3.3.12: ${NO_REGISTRAR}`, { says: ALLOW }),
  answered("cparam02.dat", 405, `§3.3.13: ${NO_REGISTRAR}`, { says: ALLOW }),
  answered("regescrt.dat", 405, `§3.3.14: ${NO_REGISTRAR}`, { says: ALLOW }),
  answered("sdp01.dat", 404, "§3.3.15: Accept without SDP harms nobody before there is an answer; no such DID"),
  // §3.4
  answered("inv2543.dat", 404, "§3.4.1: an INVITE of RFC 2543 is taken, to no DID; a stream needs the Content-Length that it lacks", {
    tcp: [400],
    closes: true,
  }),
];

/** Over IPv4 and over IPv6 the same: what a Via or URI says of IPv6 is text until somebody sends there. */
export const RFC_5118_ANSWERS: readonly TortureCase[] = [
  answered("ipv6-good", 405, `§4.1: IPv6 reference in the Request-URI; ${NO_REGISTRAR}`, { sharesBranch: true, says: ALLOW }),
  answered("ipv6-bad", 400, "§4.2: IPv6 without brackets", { sharesBranch: true }),
  answered("port-ambiguous", 405, `§4.3: what looks like a port is part of the address; ${NO_REGISTRAR}`, {
    sharesBranch: true,
    says: ALLOW,
  }),
  answered("port-unambiguous", 405, `§4.4: port behind the brackets; ${NO_REGISTRAR}`, { sharesBranch: true, says: ALLOW }),
  answered("via-received-param-with-delim", 481, "§4.5: received in brackets, overwritten by us; BYE of no dialog", { sharesBranch: true }),
  answered("via-received-param-no-delim", 200, "§4.5: received without brackets, overwritten by us; OPTIONS to us", { sharesBranch: true }),
  answered("ipv6-in-sdp", 404, "§4.6: IPv6 in SDP; no such DID", { sharesBranch: true }),
  answered("mult-ip-in-header", 481, "§4.7: both families in Via, which names port 6050; BYE of no dialog", { port: 6050 }),
  answered("mult-ip-in-sdp", 404, "§4.8: both families in SDP; no such DID", { sharesBranch: true }),
  answered("ipv4-mapped-ipv6", 404, "§4.9: an IPv4-mapped address and port 19823 in Via; no such DID", { port: 19823 }),
  answered("ipv6-bug-abnf-3-colons", 200, "§4.10: three colons of the old grammar are tolerated; OPTIONS to us", { sharesBranch: true }),
  answered("ipv6-correct-abnf-2-colons", 200, "§4.10: the right two; OPTIONS to us", { sharesBranch: true }),
];
