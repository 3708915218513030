/** The folder of the journal: segments named by a number that grows, eight digits, `.tj`. */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";

const NAME = /^(\d{8})\.tj$/;

export const segmentPath = (dir: string, number: number): string => join(dir, `${String(number).padStart(8, "0")}.tj`);

export const segmentNumber = (path: string): number => Number(NAME.exec(basename(path))?.[1] ?? 0);

/** Paths of all segments, oldest first; none when the folder does not exist. */
export function listSegments(dir: string): string[] {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return names
    .filter((name) => NAME.test(name))
    .sort()
    .map((name) => join(dir, name));
}
