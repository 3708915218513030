/**
 * What becomes of every torture message of RFC 4475 and RFC 5118 and of the transcribed carrier messages:
 * the verdict of the message layer, with the reason. Whoever sends them over a socket knows from here what to
 * expect; what higher layers add (416, 420, 415, 483, 501 …) is named in `afterwards`.
 */

export type Verdict =
  /** Goes on to the transaction layer. */
  | "accepted"
  /** Answered with this status. */
  | 400
  | 505
  /** A response that is ignored. */
  | "dropped";

export interface Expectation {
  readonly file: string;
  readonly verdict: Verdict;
  readonly why: string;
  /** What the UAS core is to say to an accepted one. */
  readonly afterwards?: string;
}

const accepted = (file: string, why: string, afterwards?: string): Expectation => ({
  file,
  verdict: "accepted",
  why,
  ...(afterwards === undefined ? {} : { afterwards }),
});
const refused = (file: string, why: string, verdict: Verdict = 400): Expectation => ({ file, verdict, why });

export const RFC_4475: readonly Expectation[] = [
  accepted("wsinv.dat", "§3.1.1.1: unusual white space everywhere, all of it legal"),
  accepted("intmeth.dat", "§3.1.1.2: every character that a token and a user may have", "405 or 501: unknown method"),
  accepted("esc01.dat", "§3.1.1.3: escapes where they are allowed"),
  accepted("escnull.dat", "§3.1.1.4: escaped NUL in user parts"),
  accepted("esc02.dat", "§3.1.1.5: % that is no escape, in method, header name and display name", "405 or 501: unknown method"),
  accepted("lwsdisp.dat", "§3.1.1.6: no white space between display name and <"),
  accepted("longreq.dat", "§3.1.1.7: long values"),
  accepted("dblreq.dat", "§3.1.1.8: over UDP what follows Content-Length is cut off; a stream carries two messages"),
  accepted("semiuri.dat", "§3.1.1.9: semicolon in the user part"),
  accepted("transports.dat", "§3.1.1.10: unknown transports in Via"),
  accepted("mpart01.dat", "§3.1.1.11: binary multipart body", "405: MESSAGE"),
  accepted("unreason.dat", "§3.1.1.12: UTF-8 in the reason phrase"),
  accepted("noreason.dat", "§3.1.1.13: empty reason phrase"),
  refused("badinv01.dat", "§3.1.2.1: separators without parameters in Via"),
  refused("clerr.dat", "§3.1.2.2: Content-Length larger than the datagram; a stream waits for the rest"),
  refused("ncl.dat", "§3.1.2.3: negative Content-Length"),
  refused("scalar02.dat", "§3.1.2.4: CSeq of 2^65"),
  refused("scalarlg.dat", "§3.1.2.5: a response with CSeq above 2^31", "dropped"),
  refused("quotbal.dat", "§3.1.2.6: unterminated quote in To"),
  refused("ltgtruri.dat", "§3.1.2.7: Request-URI in < >"),
  refused("lwsruri.dat", "§3.1.2.8: white space in the Request-URI"),
  refused("lwsstart.dat", "§3.1.2.9: two spaces in the request line"),
  refused("trws.dat", "§3.1.2.10: spaces after the version"),
  refused("escruri.dat", "§3.1.2.11: headers in the Request-URI"),
  accepted("baddate.dat", "§3.1.2.12: a Date in another zone than GMT; we act on no Date, so it is let be"),
  refused("regbadct.dat", "§3.1.2.13: ? in a Contact without < >"),
  refused("badaspec.dat", "§3.1.2.14: spaces within < >"),
  refused("baddn.dat", "§3.1.2.15: comma in a display name without quotes"),
  refused("badvers.dat", "§3.1.2.16: SIP/7.0", 505),
  refused("mismatch01.dat", "§3.1.2.17: CSeq names another method"),
  refused("mismatch02.dat", "§3.1.2.18: CSeq names another method than the unknown one"),
  refused("bigcode.dat", "§3.1.2.19: status code of ten digits", "dropped"),
  refused("badbranch.dat", "§3.2.1: magic cookie and nothing behind it"),
  refused("insuf.dat", "§3.3.1: no Call-ID, From and To"),
  accepted("unkscm.dat", "§3.3.2: unknown scheme in the Request-URI", "416"),
  accepted("novelsc.dat", "§3.3.3: known but strange scheme", "416"),
  accepted("unksm2.dat", "§3.3.4: unknown schemes in To, From, Contact", "405 while there is no registrar"),
  accepted("bext01.dat", "§3.3.5: Require of unknown extensions", "420 with Unsupported"),
  accepted("invut.dat", "§3.3.6: unknown content type", "415 with Accept"),
  accepted("regaut01.dat", "§3.3.7: unknown authorization scheme", "405 while there is no registrar"),
  refused("multi01.dat", "§3.3.8: From, To, Call-ID, CSeq twice, with different text"),
  refused("mcl01.dat", "§3.3.9: two Content-Length that differ"),
  accepted("bcast.dat", "§3.3.10: a 200 whose topmost Via is not ours", "dropped: matches no transaction and is never sent on"),
  accepted("zeromf.dat", "§3.3.11: Max-Forwards 0", "200 to OPTIONS for us, 483 otherwise"),
  accepted("cparam01.dat", "§3.3.12: unknown parameter of Contact", "405 while there is no registrar"),
  accepted("cparam02.dat", "§3.3.13: unknown parameter of the URI in Contact", "405 while there is no registrar"),
  accepted("regescrt.dat", "§3.3.14: Route escaped within a Contact URI", "405 while there is no registrar"),
  accepted("sdp01.dat", "§3.3.15: Accept without application/sdp", "406 or as if SDP were accepted"),
  accepted("inv2543.dat", "§3.4.1: RFC 2543: no branch, no tag, no Max-Forwards, no Content-Length"),
];

export const RFC_5118: readonly Expectation[] = [
  accepted("ipv6-good", "§4.1: IPv6 reference in the Request-URI"),
  refused("ipv6-bad", "§4.2: IPv6 without brackets"),
  accepted("port-ambiguous", "§4.3: what looks like a port is part of the address"),
  accepted("port-unambiguous", "§4.4: port behind the brackets"),
  accepted("via-received-param-with-delim", "§4.5: received in brackets"),
  accepted("via-received-param-no-delim", "§4.5: received without brackets"),
  accepted("ipv6-in-sdp", "§4.6: IPv6 in SDP"),
  accepted("mult-ip-in-header", "§4.7: both families in Via"),
  accepted("mult-ip-in-sdp", "§4.8: both families in SDP"),
  accepted("ipv4-mapped-ipv6", "§4.9: IPv4-mapped addresses"),
  accepted("ipv6-bug-abnf-3-colons", "§4.10: three colons of the old grammar"),
  accepted("ipv6-correct-abnf-2-colons", "§4.10: the right two"),
];

export const CARRIERS: readonly Expectation[] = [
  accepted("audiocodes-200-lowercase-pcma-pt-order.sip", "200 with pcma in lower case"),
  accepted("cisco-ios-invite-rpid-handling-required-multi-codec.sip", "quoted parameter in Via, Content-Disposition"),
  accepted("cisco-ios-options-x-cisco-rai.sip", "white space around ; in an unknown header"),
  accepted("freeswitch-behind-kamailio-invite-r2-slow-media.sip", "two Record-Route, no SDP"),
  accepted("meta-whatsapp-via-twilio-invite-dup-content-type.sip", "Content-Type twice with the same text"),
  accepted("ringcentral-acme-200-sdp-shape.sip", "many codecs, SRTP"),
  accepted("samsung-volte-invite-ipv6-evs-precondition.sip", "tel: Request-URI, IPv6, EVS"),
  accepted("telekom-ims-invite-g722-te8000-maxptime30.sip", "G722, Contact parameters in quotes"),
  accepted("twilio-bye-reason-q850.sip", "Reason with Q.850"),
  accepted("twilio-elastic-invite-tls-sdes.sip", "Diversion, SRTP"),
];
