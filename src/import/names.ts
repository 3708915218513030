/** Names for what is imported: as in the configuration, unique, and as near to the old words as they may be. */

/** Room for "-2" behind it. */
const NAME_CHARS_MAX = 56;

/** "LiveKit Primary" → "livekit-primary"; "" where nothing is left. */
export function slug(text: string): string {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/-{2,}/g, "-")
    .slice(0, NAME_CHARS_MAX)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
}

export class Names {
  readonly #taken = new Set<string>();

  /** The first of the wishes that says something, with a number behind it if it is taken. */
  give(...wishes: readonly string[]): string {
    const base = wishes.map(slug).find((wish) => wish !== "") ?? "unnamed";
    let name = base;
    for (let number = 2; this.#taken.has(name); number++) name = `${base}-${number}`;
    this.#taken.add(name);
    return name;
  }
}

const ADDRESS = /^([0-9]{1,3}\.){3}[0-9]{1,3}$|:/;

/** "3i5bvr312d9.sip.livekit.cloud" → "3i5bvr312d9-livekit"; of an address all of it. */
export function nameOfHost(host: string): string {
  if (ADDRESS.test(host)) return host.replaceAll(":", "-");
  const labels = host.replace(/\.$/, "").split(".");
  const owner = labels.at(-2) ?? "";
  return [labels[0] ?? "", labels.length > 2 ? owner : ""].filter((label, i) => label !== "" && !(i > 0 && label === labels[0])).join("-");
}
