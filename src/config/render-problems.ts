/** Problems of a configuration for a person: where, what, and what would be right. */
import type { ConfigProblem } from "./config.ts";

const RED = "31";
const YELLOW = "33";
const CYAN = "36";
const BOLD = "1";

/** More help nobody. */
const SHOWN_MAX = 100;

/** @param colour ANSI escapes  @param severity warnings don't keep a configuration from being used */
export function renderProblems(problems: readonly ConfigProblem[], colour: boolean, severity: "error" | "warning" = "error"): string {
  const paint = (code: string, text: string): string => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
  const label = severity === "error" ? paint(RED, "error") : paint(YELLOW, "warning");
  const lines = problems.slice(0, SHOWN_MAX).map(({ file, line, field, message, remedy }) => {
    const where = [file, line > 0 ? String(line) : ""].filter(Boolean).join(":");
    const head = [where && paint(BOLD, where), label, field].filter(Boolean).join(" ");
    return `${head}: ${printable(message)}${remedy === "" ? "" : `\n  ${paint(CYAN, "→")} ${printable(remedy)}`}`;
  });
  if (problems.length > SHOWN_MAX) lines.push(`… and ${problems.length - SHOWN_MAX} more`);
  return lines.join("\n");
}

/** What came from the file may hold escapes that would paint the terminal. */
// oxlint-disable-next-line no-control-regex
const printable = (text: string): string => text.replace(/[\x00-\x1f\x7f-\x9f]/g, "�");
