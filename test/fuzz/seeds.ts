/** What the fuzzer starts from: messages of our own and, where the corpora are beside the checkout, theirs. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SDP =
  "v=0\r\no=- 53655765 2353687637 IN IP4 203.0.113.7\r\ns=-\r\nc=IN IP4 203.0.113.7\r\nb=AS:64\r\nt=0 0\r\nm=audio 19000 RTP/AVP 0 8 96 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1;minptime=10\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=rtcp:19007 IN IP4 203.0.113.8\r\na=rtcp-mux\r\na=ptime:20\r\na=sendrecv\r\nm=video 0 RTP/SAVPF 97\r\n";

const INVITE = `INVITE sip:+15551234567;x=1:pw@[2001:db8::9]:5060;transport=udp;lr SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.7:5060;branch=z9hG4bK1ed4.5b1c;rport\r\nv: SIP/2.0/TCP [2001:db8::1]:5060;received=10.2.3.4;branch=z9hG4bKnas, SIP/2.0/TLS h.example\r\nRecord-Route: <sip:203.0.113.7;lr;ftag=a7>, "p, q" <sip:203.0.113.8;lr>\r\nRoute: <sip:10.0.0.9;lr>\r\nMax-Forwards: 69\r\nFrom: "Carrier \\"C\\" Caller" <sip:+4930123456@carrier.example>;tag=a73kszlfl\r\nTo: <sip:+15551234567@198.51.100.9>\r\nCall-ID: 3848276298220188511@carrier.example\r\nCSeq: 102 INVITE\r\nContact: <sip:%2B49@203.0.113.7:5060;transport=udp>;expires=60;q=0.5\r\nReason: Q.850;cause=16;text="x"\r\nSubject: one\r\n two\r\nContent-Type: application/sdp;charset=x\r\nContent-Length: ${SDP.length}\r\n\r\n${SDP}`;

const RESPONSE = `SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.7:5060;branch=z9hG4bK1;rport=5060;received=203.0.113.7\r\nf: <tel:+4930123456;phone-context=+49>;tag=1\r\nt: sip:bob@example.com;tag=2\r\ni: abc\r\nCSeq: 1 INVITE\r\nm: *\r\nc: application/sdp\r\nl: ${SDP.length}\r\n\r\n${SDP}`;

const CORPORA = fileURLToPath(new URL("../../../shared/corpora/", import.meta.url));

/** Wire strings. */
export function loadSeeds(): string[] {
  const seeds = [INVITE, RESPONSE, INVITE.replaceAll("INVITE", "BYE")];
  for (const folder of ["rfc4475", "rfc5118", "traces-transcribed"]) {
    if (!existsSync(CORPORA + folder)) continue;
    for (const file of readdirSync(CORPORA + folder)) seeds.push(readFileSync(`${CORPORA}${folder}/${file}`, "latin1"));
  }
  return seeds;
}
