/**
 * `./dev release`: an archive for machines without internet. `src/` as it is, what it depends on in production, the
 * built panel and Node at the pinned version; unpacked anywhere, `./tandem` runs. Beside it stands its SHA-256.
 *
 * No npm package on purpose: what lies below a `node_modules` folder is not stripped of its types by Node. For the
 * platform that it is made on. Of the same sources it is the same archive, byte by byte, but for the panel's build.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PANEL_DIST, buildPanel } from "./panel.ts";
import { copyPackages, noticesOf, packagesOf } from "./release-packages.ts";
import { ROOT, run } from "./root.ts";

/** Files of the checkout that are shipped, but for ignored ones; tests beside the source are not. */
const SHIPPED = [
  "src",
  "docs",
  "examples",
  "deploy",
  "tandem",
  "package.json",
  "package-lock.json",
  "README.md",
  "ARCHITECTURE.md",
  "CHANGELOG.md",
  "SECURITY.md",
  "LICENSE",
];
const OUTPUT_BYTES_MAX = 64 << 20;
const NODE_LICENCE_PLACES = ["../LICENSE", "../share/doc/nodejs/copyright", "../share/doc/nodejs/LICENSE"];

export interface ReleaseOptions {
  /** Folder that the archive is put into. */
  readonly to: string;
  /** The panel as it was last built. */
  readonly builtPanel: boolean;
  /** Of gzip, 1 to 9. */
  readonly level?: number;
}

/** @returns the archive's path; undefined when it can't be made, which is said */
export async function makeRelease({ to, builtPanel, level = 9 }: ReleaseOptions): Promise<string | undefined> {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { readonly version: string };
  const pinned = /^NODE_PINNED=(\S+)$/m.exec(readFileSync(join(ROOT, "src/cli/launch.sh"), "utf8"))?.[1];
  if (process.versions.node !== pinned) {
    console.error(`release: this is Node ${process.versions.node}, and ${pinned} is shipped: run ./dev with that one in the PATH`);
    return undefined;
  }
  if (!builtPanel && !(await buildPanel())) return undefined;
  if (!existsSync(join(PANEL_DIST, "index.html"))) {
    console.error("release: the panel isn't built: ./dev panel builds it");
    return undefined;
  }
  const name = `tandem-${version}-${process.platform}-${process.arch}`;
  const scratch = mkdtempSync(join(tmpdir(), "tandem-release-"));
  try {
    fill(join(scratch, name), pinned);
    mkdirSync(to, { recursive: true });
    const archive = join(to, `${name}.tar.gz`);
    if (!(await pack(scratch, name, archive, level))) return undefined;
    const sha256 = createHash("sha256").update(readFileSync(archive)).digest("hex");
    writeFileSync(`${archive}.sha256`, `${sha256}  ${name}.tar.gz\n`);
    console.log(`release: ${archive}, ${Math.round(readFileSync(archive).length / 1e6)} MB\nrelease: SHA-256 ${sha256}`);
    return archive;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function fill(folder: string, nodeVersion: string): void {
  const git = (...args: readonly string[]): string =>
    execFileSync("git", [...args, "--", ...SHIPPED], { cwd: ROOT, encoding: "utf8", maxBuffer: OUTPUT_BYTES_MAX });
  if (git("status", "--porcelain") !== "") console.error("release: the checkout has changes that are not committed; they are in it");
  const files = git("ls-files", "-z", "--cached", "--others", "--exclude-standard");
  for (const file of files.split("\0")) {
    if (file === "" || file.endsWith(".test.ts") || !existsSync(join(ROOT, file))) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(join(ROOT, file), join(folder, file));
  }
  cpSync(PANEL_DIST, join(folder, "panel/dist"), { recursive: true });
  const packages = packagesOf("");
  copyPackages(packages, folder);
  // The launcher's sign that nothing has to be installed.
  writeFileSync(join(folder, "node_modules/.tandem-stamp"), `production-${cksum(join(folder, "package-lock.json"))}\n`);
  mkdirSync(join(folder, "node/bin"), { recursive: true });
  copyFileSync(process.execPath, join(folder, "node/bin/node"));
  chmodSync(join(folder, "node/bin/node"), 0o755);
  const licence = NODE_LICENCE_PLACES.map((place) => join(dirname(process.execPath), place)).find(existsSync);
  if (licence !== undefined) copyFileSync(licence, join(folder, "node/LICENSE"));
  else console.error(`release: Node's LICENSE isn't in ${dirname(dirname(process.execPath))}; the notices say where it is`);
  writeFileSync(
    join(folder, "THIRD-PARTY-NOTICES.txt"),
    `${noticesOf([...packages, ...packagesOf("panel")])}\nNode.js ${nodeVersion} (node/bin/node)\n${licence === undefined ? `https://github.com/nodejs/node/blob/v${nodeVersion}/LICENSE` : "node/LICENSE"}\n`,
  );
}

/** As the launcher makes it: `cksum < file | tr ' ' '-'`. */
function cksum(path: string): string {
  return execFileSync("cksum", { input: readFileSync(path), encoding: "utf8" })
    .trim()
    .replaceAll(" ", "-");
}

async function pack(scratch: string, name: string, archive: string, level: number): Promise<boolean> {
  const seconds = execFileSync("git", ["log", "-1", "--format=%ct"], { cwd: ROOT, encoding: "utf8" }).trim();
  const same = ["--sort=name", `--mtime=@${seconds}`, "--owner=0", "--group=0", "--numeric-owner", "--mode=u+rw,go+r-w"];
  // gzip's header has no time when it reads from a pipe.
  const code = await run("tar", ["-C", scratch, ...same, "-I", `gzip -n -${level}`, "-cf", archive, name]);
  if (code !== 0) console.error(`release: tar ended with ${code}`);
  return code === 0;
}
