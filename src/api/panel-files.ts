/**
 * The built panel as files in memory: what the folder holds is what there is, so that no path can lead out of it.
 * Read anew when index.html changes. Compressed once, at the first request that can read it.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

const compress = promisify(gzip);
/** Beyond it the folder is not a panel of ours. */
const BYTES_MAX = 32 * 1024 * 1024;
const COMPRESS_FROM_BYTES = 1_024;
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
  ".json": "application/json",
};
const COMPRESSIBLE = new Set([".html", ".js", ".css", ".svg", ".json"]);

export interface PanelFile {
  readonly type: string;
  readonly bytes: Buffer;
  /** Undefined: not worth it. */
  gzipped(): Promise<Buffer> | undefined;
}

export interface PanelFiles {
  /** @param name "index.html", "assets/index-B1x.js"; undefined: there is none, or the panel isn't built */
  find(name: string): Promise<PanelFile | undefined>;
}

export function openPanelFiles(folder: string): PanelFiles {
  let files: ReadonlyMap<string, PanelFile> = new Map();
  let readOfMs = -1;
  return {
    async find(name) {
      const { mtimeMs } = await stat(join(folder, "index.html")).catch(() => ({ mtimeMs: -1 }));
      if (mtimeMs !== readOfMs) {
        files = mtimeMs === -1 ? new Map() : await readAll(folder);
        readOfMs = mtimeMs;
      }
      return files.get(name);
    },
  };
}

async function readAll(folder: string): Promise<ReadonlyMap<string, PanelFile>> {
  const files = new Map<string, PanelFile>();
  let total = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    total += bytes.length;
    if (total > BYTES_MAX) break;
    let packed: Promise<Buffer> | undefined;
    const worthIt = bytes.length >= COMPRESS_FROM_BYTES && COMPRESSIBLE.has(extname(entry.name));
    files.set(path.slice(folder.length).replace(/^\/+/, ""), {
      type,
      bytes,
      gzipped: () => (worthIt ? (packed ??= compress(bytes, { level: 9 })) : undefined),
    });
  }
  return files;
}
