/** Server-Sent Events as they come: pieces of text in, whole events out (WHATWG HTML §9.2). */

/** Blocks of "field: value" lines, ended by an empty line; what is left is the beginning of the next. */
export function readFrames(text: string): {
  readonly frames: readonly { readonly id?: string; readonly event: string; readonly data: string }[];
  readonly rest: string;
} {
  const blocks = text.replaceAll("\r\n", "\n").split("\n\n");
  const rest = blocks.pop() ?? "";
  const frames = blocks.map((block) => {
    const frame: { id?: string; event: string; data: string } = { event: "message", data: "" };
    for (const line of block.split("\n")) {
      const [, field, value = ""] = /^([a-z]+):? ?(.*)$/.exec(line) ?? [];
      if (field === "id") frame.id = value;
      else if (field === "event") frame.event = value;
      else if (field === "data") frame.data += value;
    }
    return frame;
  });
  return { frames: frames.filter(({ data }) => data !== ""), rest };
}
