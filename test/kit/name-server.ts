/** A name server of the laboratory's own (name-server-main.ts), whose zone a test may change while it runs. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../dev/root.ts";
import type { Child } from "./child.ts";
import type { Host, Lab } from "./lab.ts";

/** By name, in lower case. What isn't there does not exist (NXDOMAIN). */
export interface Zone {
  readonly a?: Readonly<Record<string, readonly string[]>>;
  readonly srv?: Readonly<Record<string, readonly { readonly priority: number; readonly port: number; readonly name: string }[]>>;
  readonly cname?: Readonly<Record<string, string>>;
  readonly behaviour?: Readonly<Record<string, "silence" | "nonsense" | "SERVFAIL" | "empty">>;
  readonly ttlS?: number;
}

export interface NameServer {
  /** As `node.dns_servers` takes it. */
  readonly address: string;
  change(zone: Zone): void;
  /** "A name", in the order that they were asked. */
  asked(): readonly string[];
}

const PORT = 5353;
let servers = 0;

export async function startNameServer(lab: Lab, host: Host, zone: Zone): Promise<NameServer> {
  const file = join(lab.folder, `zone${servers++}.json`);
  const change = (next: Zone): void => writeFileSync(file, JSON.stringify(next));
  change(zone);
  const main = join(ROOT, "test/kit/name-server-main.ts");
  const child: Child = lab.start(host, process.execPath, ["--disable-warning=ExperimentalWarning", main, host.address, String(PORT), file]);
  await child.says(/^listening$/m, 20_000);
  return {
    address: `${host.address}:${PORT}`,
    change,
    asked: () =>
      child
        .output()
        .split("\n")
        .filter((line) => line.includes(" ")),
  };
}
