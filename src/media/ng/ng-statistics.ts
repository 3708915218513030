/**
 * What rtpengine's answer to `query` says of one call, per tag: ports and counters. Anything missing or of
 * another kind counts as nothing.
 *
 * rtpengine 10.5 counts what it received, dropped packets included, and not what it sent; loss and jitter only
 * as peers report them.
 */
import { type BencodedFields, fieldsOf, listOf, numberOf, textOf } from "./bencode.ts";

export interface TagStatistics {
  readonly tag: string;
  /** 0: the tag's branch was deleted, its counters remain. */
  readonly localPort: number;
  readonly localRtcpPort: number;
  /** Taken and forwarded. */
  readonly packets: number;
  readonly bytes: number;
  /** Dropped: from another source than the peer's, or no RTP. */
  readonly errors: number;
  readonly rtcpPackets: number;
  /** Where packets go, and come from once some came. */
  readonly peer: string;
  /** rtpengine takes packets of the described place only. */
  readonly asymmetric: boolean;
}

export function tagStatistics(answer: BencodedFields): ReadonlyMap<string, TagStatistics> {
  const found = new Map<string, TagStatistics>();
  for (const [tag, value] of fieldsOf(answer.get("tags"))) {
    const media = fieldsOf(listOf(fieldsOf(value), "medias")[0]);
    const streams = listOf(media, "streams").map(fieldsOf);
    const rtp = streams.find((stream) => listOf(stream, "flags").includes("RTP"));
    const rtcp = streams.find((stream) => stream !== rtp && listOf(stream, "flags").includes("RTCP"));
    const counters = fieldsOf(rtp?.get("stats"));
    const errors = numberOf(counters, "errors");
    const endpoint = fieldsOf(rtp?.get("endpoint"));
    const address = textOf(endpoint, "address");
    found.set(tag, {
      tag,
      localPort: rtp === undefined ? 0 : numberOf(rtp, "local port"),
      localRtcpPort: rtcp === undefined ? 0 : numberOf(rtcp, "local port"),
      packets: Math.max(0, numberOf(counters, "packets") - errors),
      bytes: numberOf(counters, "bytes"),
      errors,
      rtcpPackets: numberOf(fieldsOf(rtcp?.get("stats")), "packets"),
      peer: address === "" ? "" : `${address.includes(":") ? `[${address}]` : address}:${numberOf(endpoint, "port")}`,
      asymmetric: listOf(media, "flags").includes("asymmetric"),
    });
  }
  return found;
}
