/**
 * Which packages of the lock file something of ours needs when it runs, as they are installed here, and their licences.
 * The same walk as Node's: a dependency is looked for beside its user first, then further out.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "./root.ts";

interface Locked {
  readonly version?: string;
  readonly license?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export interface Package {
  /** "node_modules/fastify", "node_modules/a/node_modules/b" */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly licence: string;
}

/** Tools that build the panel and leave nothing of themselves in it. */
const BUILDERS = new Set(["vite", "typescript", "openapi-typescript"]);

/**
 * @param root "" for what runs on the machine; "panel" for what the built panel has in it
 * @throws when something is missing here, or is not of the version that the lock file says
 */
export function packagesOf(root: "" | "panel"): readonly Package[] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  const found = new Map<string, Package>();
  const visit = (from: string, name: string, optional: boolean): void => {
    const path = resolve(packages, from, name);
    const locked = path === undefined ? undefined : packages[path];
    if (path === undefined || locked === undefined || !existsSync(join(ROOT, path))) {
      // Those of other platforms are named, and not installed.
      if (optional) return;
      throw new Error(`${name}, which ${from === "" ? "Tandem" : from} needs, is not installed: npm ci`);
    }
    if (found.has(path)) return;
    const { version } = JSON.parse(readFileSync(join(ROOT, path, "package.json"), "utf8")) as { readonly version: string };
    if (version !== locked.version) throw new Error(`${path} is ${version} and not ${locked.version} as in package-lock.json: npm ci`);
    found.set(path, { path, name, version, licence: locked.license ?? "" });
    for (const dependency of Object.keys(locked.dependencies ?? {})) visit(path, dependency, false);
    for (const dependency of Object.keys(locked.optionalDependencies ?? {})) visit(path, dependency, true);
    for (const dependency of Object.keys(locked.peerDependencies ?? {}))
      if (locked.peerDependenciesMeta?.[dependency]?.optional !== true && !dependency.startsWith("@types/")) visit(path, dependency, true);
  };
  const own = packages[root];
  const wanted = Object.keys((root === "" ? own?.dependencies : { ...own?.dependencies, ...own?.devDependencies }) ?? {});
  for (const name of wanted) if (root === "" || (!BUILDERS.has(name) && !name.startsWith("@types/"))) visit(root, name, false);
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function resolve(packages: Readonly<Record<string, Locked>>, from: string, name: string): string | undefined {
  for (let at = from; ; at = at.includes("/node_modules/") ? at.slice(0, at.lastIndexOf("/node_modules/")) : "") {
    const path = `${at === "" ? "" : `${at}/`}node_modules/${name}`;
    if (packages[path] !== undefined) return path;
    if (at === "") return undefined;
  }
}

/** What is nested in a package is a package of its own. */
export function copyPackages(packages: readonly Package[], folder: string): void {
  for (const { path } of packages) {
    const from = join(ROOT, path);
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(from, join(folder, path), { recursive: true, dereference: true, filter: (source) => source !== join(from, "node_modules") });
  }
}

/** One entry a package, with the text of its licence. */
export function noticesOf(packages: readonly Package[]): string {
  const seen = new Set<string>();
  const parts = ["What Tandem is shipped with, and under which licences.\n"];
  for (const { path, name, version, licence } of packages) {
    if (seen.has(`${name}@${version}`)) continue;
    seen.add(`${name}@${version}`);
    const files = readdirSync(join(ROOT, path)).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
    const texts = files.map((file) => readFileSync(join(ROOT, path, file), "utf8").trim());
    parts.push(`${"-".repeat(72)}\n${name} ${version} (${licence === "" ? "see its text" : licence})\n\n${texts.join("\n\n")}\n`);
  }
  return parts.join("\n");
}
