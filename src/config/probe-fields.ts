/** How a peer's `probe:` is written: a mapping, or `yes` for the defaults. */
import type { ProbePolicy } from "#routing/snapshot.ts";
import { type Fields, type Reader, integer, isMapping, listOf, object, optional, textLike, yesNo } from "./reading.ts";
import { shapeOf, shaped } from "./shape.ts";

const fields = {
  every_s: optional(integer(1, 3_600, "seconds"), 15),
  timeout_ms: optional(integer(100, 32_000, "milliseconds"), 2_000),
  up_after: optional(integer(1, 100, "answers in a row"), 1),
  down_after: optional(integer(1, 100, "failures in a row"), 3),
  accepted_codes: optional(listOf(textLike(/^([1-6]xx|[1-6][0-9]{2})$/, "a SIP status or class", "e.g. [200, 404, 4xx]")), []),
} satisfies Fields;
const readFields = object(fields);

/** undefined: unreadable, or `probe: no`. */
export const probe: Reader<ProbePolicy | undefined> = (value, reading) => {
  if (!isMapping(value)) {
    const wanted = yesNo(value, reading);
    if (wanted !== true) return undefined;
  }
  const read = readFields(isMapping(value) ? value : {}, reading);
  if (read === undefined) return undefined;
  if (read.timeout_ms > read.every_s * 1000) {
    return reading.note(
      `an answer may take ${read.timeout_ms} ms, but the next probe comes after ${read.every_s} s`,
      "timeout_ms below every_s",
    );
  }
  return {
    everyMs: read.every_s * 1000,
    timeoutMs: read.timeout_ms,
    upAfter: read.up_after,
    downAfter: read.down_after,
    acceptedCodes: read.accepted_codes,
  };
};
shaped(probe, () => ({ type: "either", shapes: [{ type: "yes-no" }, shapeOf(readFields)] }));
