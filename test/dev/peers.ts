/** Installs the real SIP peers from Debian's packages, without letting apt start their daemons. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Program → package. */
const PEERS: Readonly<Record<string, string>> = {
  sipp: "sip-tester",
  baresip: "baresip-core",
  kamailio: "kamailio",
  rtpengine: "rtpengine-daemon",
  sox: "sox",
  "espeak-ng": "espeak-ng",
  pocketsphinx_batch: "pocketsphinx",
  ip: "iproute2",
  mariadbd: "mariadb-server-core",
  "mariadb-dump": "mariadb-client",
  initdb: "postgresql",
  gcc: "gcc",
  tcpdump: "tcpdump",
  chromium: "chromium",
};
/** Packages with no program of their own, and the file that shows they are there. */
const EXTRAS: Readonly<Record<string, string>> = {
  "pocketsphinx-en-us": "/usr/share/pocketsphinx/model/en-us/en-us/mdef",
  "kamailio-mysql-modules": "/usr/share/kamailio/mysql/dispatcher-create.sql",
  "libc6-dev": "/usr/include/stdio.h",
};

/** Debian keeps each version's programs apart from PATH. */
const POSTGRESQL = "/usr/lib/postgresql";
const postgresqlFolders = (): readonly string[] =>
  existsSync(POSTGRESQL)
    ? readdirSync(POSTGRESQL)
        .sort((a, b) => Number(b) - Number(a))
        .map((version) => join(POSTGRESQL, version, "bin"))
    : [];

/** The path of a program on PATH (and where Debian keeps daemons); undefined when missing. */
export function findProgram(name: string): string | undefined {
  for (const folder of [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin", ...postgresqlFolders()]) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  return undefined;
}

export function missingPeers(): readonly string[] {
  const packages = Object.entries(PEERS)
    .filter(([program]) => findProgram(program) === undefined)
    .map(([, name]) => name);
  const extras = Object.entries(EXTRAS)
    .filter(([, file]) => !existsSync(file))
    .map(([name]) => name);
  return [...new Set([...packages, ...extras])];
}

export function installPeers({ onlyIfRoot }: { readonly onlyIfRoot: boolean }): boolean {
  const missing = missingPeers();
  if (missing.length === 0) {
    if (!onlyIfRoot) console.log("all peers are installed");
    return true;
  }
  const apt = findProgram("apt-get");
  if (process.getuid?.() !== 0 || apt === undefined) {
    console.log(`peers missing: ${missing.join(" ")}. Their tests are skipped; install them with: sudo ./dev peers`);
    return onlyIfRoot;
  }
  console.log(`installing peers: ${missing.join(" ")}`);
  const policy = "/usr/sbin/policy-rc.d";
  const ownPolicy = !existsSync(policy);
  // 101: apt must not start the daemons that it installs.
  if (ownPolicy) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const aptGet = (args: readonly string[]) =>
      spawnSync(apt, args, { stdio: ["ignore", "ignore", "inherit"], env: environment }).status === 0;
    const ok = aptGet(["update", "-qq"]) && aptGet(["install", "-y", "-qq", "--no-install-recommends", ...missing]);
    if (!ok) console.error("apt-get could not install the peers; the lines above say why");
    return ok;
  } finally {
    if (ownPolicy) rmSync(policy, { force: true });
  }
}
