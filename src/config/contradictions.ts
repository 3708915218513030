/**
 * What can be read, and can hardly be meant: everybody let in, codecs that nobody has, rules that cancel each other.
 * Warnings all, as somebody may have a reason.
 */
import { parseNetwork } from "#routing/addresses.ts";
import type { Did, Peer } from "#routing/snapshot.ts";
import type { Note } from "./check-listeners.ts";
import type { Path } from "./reading.ts";
import { nearest } from "./suggest.ts";

/** Encoding names of RTP (RFC 3551, RFC 4855 and the IANA registry) that phones and AI platforms are known to use. */
const CODECS = [
  ..."PCMU PCMA G722 G723 G728 G729 G7221 G726-16 G726-24 G726-32 G726-40 GSM GSM-EFR iLBC opus SILK speex".split(" "),
  ..."AMR AMR-WB EVS L16 LPC DVI4 QCELP EVRC SIREN7 SIREN14 BV16 BV32 isac lyra MP4A-LATM CLEARMODE".split(" "),
];
/** What isn't speech. */
const BESIDES = ["telephone-event", "CN", "red", "tone", "t38"];
const SAID_OTHERWISE: Readonly<Record<string, string>> = {
  ulaw: "PCMU",
  mulaw: "PCMU",
  g711u: "PCMU",
  g711ulaw: "PCMU",
  alaw: "PCMA",
  g711a: "PCMA",
  g711alaw: "PCMA",
  g711: "PCMA, PCMU",
  g729a: "G729",
  "g.722": "G722",
  dtmf: "telephone-event",
  rfc2833: "telephone-event",
};
/** A network that is larger than any carrier's. */
const PREFIX_BITS_MIN = { 4: 8, 6: 19 } as const;

export function checkMeaning(peer: Peer, path: Path, warn: Note): void {
  for (const [i, address] of peer.addresses.entries()) {
    const network = parseNetwork(address);
    if (network !== undefined && network.prefixBits < PREFIX_BITS_MIN[network.address.family])
      warn(
        [...path, "addresses", i],
        `${address} lets anybody call as ${peer.name}`,
        "the carrier's own addresses; for callers from anywhere, digest:",
      );
  }
  checkCodecs(peer, path, warn);
  checkNumbers(peer, path, warn);
  for (const [i, prefix] of (peer.blockedPrefixes ?? []).entries())
    if (prefix === "" || prefix === "+")
      warn(
        [...path, "blocked_prefixes", i],
        "it blocks every number",
        "the beginning of those that are meant; maintenance: yes for all calls",
      );
  if (peer.privacy === "hide" && peer.identity?.anonymous === "reveal")
    warn([...path, "identity", "anonymous"], "reveal shows nothing where privacy: hide withholds every caller", "one of the two");
}

function checkCodecs({ codecs, codecsMode }: Peer, path: Path, warn: Note): void {
  const known = new Map([...CODECS, ...BESIDES].map((name) => [name.toLowerCase(), name]));
  for (const [i, codec] of codecs.entries()) {
    const name = codec.toLowerCase();
    if (known.has(name)) continue;
    const meant = SAID_OTHERWISE[name.replace(/[-_]/g, "")] ?? nearest(codec, known.values());
    warn(
      [...path, "codecs", i],
      `${codec} is no codec's name in SDP`,
      meant === undefined ? "e.g. PCMA, PCMU, G722, G729, opus" : `did you mean ${meant}?`,
    );
  }
  const besides = new Set(BESIDES.map((name) => name.toLowerCase()));
  if (codecs.length > 0 && codecsMode !== "order" && codecs.every((codec) => besides.has(codec.toLowerCase())))
    warn([...path, "codecs"], `${codecs.join(", ")} alone carries no speech: every call would fail`, "PCMA or PCMU beside it");
}

function checkNumbers({ numbers }: Peer, path: Path, warn: Note): void {
  const { countryCode, nationalPrefix, write } = numbers;
  if (countryCode !== "") return;
  if (write === "national")
    warn([...path, "numbers", "write"], "without country_code no number is national: all are written as they are", "country_code: 49");
  if (nationalPrefix !== "")
    warn([...path, "numbers", "national_prefix"], `without country_code the ${nationalPrefix} stays where it is`, "country_code: 49");
}

/** A DID that lets nobody in. */
export function checkCallers({ callers = [], blockedCallers = [] }: Did, path: Path, warn: Note): void {
  const covered = (pattern: string): boolean =>
    blockedCallers.some(
      (blocked) => blocked === pattern || (blocked.endsWith("*") && pattern !== "anonymous" && pattern.startsWith(blocked.slice(0, -1))),
    );
  if (callers.length > 0 && callers.every(covered))
    warn(
      [...path, "blocked_callers"],
      "every caller of callers: is blocked as well, so nobody gets through",
      "take them out of one of the two",
    );
}
