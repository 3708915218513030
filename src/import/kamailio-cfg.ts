/**
 * What kamailio.cfg says outside its routing script: definitions and substitutions, listen, alias, module
 * parameters, and by which algorithm the script asks the dispatcher.
 *
 * Deliberately no interpreter of the script: what it decides in its own words becomes nothing here.
 */
import type { SourceFile } from "./move.ts";

/** "udp:10.0.0.1:5060" in its parts. */
export interface SocketName {
  /** Lower case; "" when not said, which is UDP and TCP. */
  readonly protocol: string;
  readonly host: string;
  readonly port: number | undefined;
}

export interface Located<T> {
  readonly value: T;
  /** "kamailio.cfg:27" */
  readonly source: string;
}

export interface KamailioCfg {
  /** Names of define and substdef, as last resolved. */
  readonly definitions: ReadonlyMap<string, Located<string>>;
  readonly listens: readonly Located<SocketName & { readonly advertised: string | undefined; readonly written: string }>[];
  readonly aliases: readonly Located<string>[];
  /** "dispatcher.ds_ping_interval" → "10". */
  readonly parameters: ReadonlyMap<string, Located<string>>;
  /** What ds_select_dst is asked; undefined where a variable says it. */
  readonly selections: readonly Located<{ readonly set: number | undefined; readonly algorithm: number | undefined }>[];
  readonly defaultPort: number;
  readonly tcp: boolean;
}

interface Line {
  readonly text: string;
  readonly source: string;
}

const INCLUDE = /^\s*(?:#!|!!)?(?:include_file|import_file)\s+"?([^"\s]+)"?/;
const DIRECTIVE = /^\s*(?:#!|!!)(\w+)\s*(.*)$/;
const SOCKET = /^(?:(udp|tcp|tls|sctp|ws|wss):)?(\[[0-9A-Fa-f:.]+\]|[^\s:[\]]+)(?::([0-9]{1,5}))?$/i;
const MODPARAM = /modparam\(\s*"([^"]+)"\s*,\s*"([^"]+)"\s*,\s*(?:"([^"]*)"|(-?[0-9]+))\s*\)/g;
const SELECTION = /ds_select(?:_dst|_domain)?\s*\(\s*("[^"]*"|[^",)]*(?:\([^)]*\))?)\s*,\s*("[^"]*"|[^",)]*)/g;
const INCLUDES_DEEP = 8;

export function parseSocket(text: string): SocketName | undefined {
  const parts = SOCKET.exec(text.trim());
  if (parts === null) return undefined;
  const port = parts[3] === undefined ? undefined : Number(parts[3]);
  return { protocol: (parts[1] ?? "").toLowerCase(), host: parts[2]!.replace(/^\[|\]$/g, ""), port };
}

export function readKamailioCfg(files: readonly SourceFile[]): KamailioCfg {
  const lines = preprocess(uncommented(inOrder(files)));
  const listens: KamailioCfg["listens"][number][] = [];
  const aliases: Located<string>[] = [];
  const parameters = new Map<string, Located<string>>();
  const selections: KamailioCfg["selections"][number][] = [];
  let defaultPort = 5060;
  let tcp = true;
  for (const { text, source } of lines.lines) {
    const [, key, rest = ""] = /^\s*(listen|alias|port|disable_tcp|bind|advertise)\s*=\s*(.*?)\s*;?\s*$/.exec(text) ?? [];
    if (key === "listen" || key === "bind") {
      const written = rest.replaceAll('"', "");
      const [, socket = "", advertised] = /^(\S+)(?:\s+advertise\s+(\S+))?/i.exec(written) ?? [];
      const read = parseSocket(socket);
      if (read !== undefined) listens.push({ value: { ...read, advertised: hostOf(advertised), written }, source });
    } else if (key === "advertise") {
      // Within `socket = { bind = …; advertise = …; }`.
      const last = listens.pop();
      if (last !== undefined) listens.push({ ...last, value: { ...last.value, advertised: hostOf(rest.replaceAll('"', "")) } });
    } else if (key === "alias") {
      for (const one of rest.split(/[\s,]+/)) if (one !== "") aliases.push({ value: one.replaceAll('"', ""), source });
    } else if (key === "port") defaultPort = Number(rest) || defaultPort;
    else if (key === "disable_tcp") tcp = !/^(yes|1|on|true)$/i.test(rest);
    for (const [, modules, name, quoted, number] of text.matchAll(MODPARAM)) {
      for (const module of modules!.split("|")) parameters.set(`${module}.${name}`, { value: quoted ?? number ?? "", source });
    }
    for (const [, set, algorithm] of text.matchAll(SELECTION)) {
      selections.push({ value: { set: wholeNumber(set), algorithm: wholeNumber(algorithm) }, source });
    }
  }
  return { definitions: lines.definitions, listens, aliases, parameters, selections, defaultPort, tcp };
}

const wholeNumber = (text = ""): number | undefined =>
  /^"?\s*[0-9]{1,9}\s*"?$/.test(text.trim()) ? Number(text.replaceAll('"', "")) : undefined;
const hostOf = (text: string | undefined): string | undefined => (text === undefined ? undefined : parseSocket(text)?.host);
const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** A file stands where another includes it. Of those that none includes, local overrides come first: the first definition wins. */
function inOrder(files: readonly SourceFile[]): readonly Line[] {
  const byName = new Map(files.map((file) => [baseName(file.name), file]));
  const included = new Set<string>();
  for (const { text } of files) {
    for (const line of text.split("\n")) {
      const name = baseName(INCLUDE.exec(line)?.[1] ?? "");
      if (byName.has(name)) included.add(name);
    }
  }
  const lines: Line[] = [];
  const add = (file: SourceFile, depth: number): void => {
    for (const [i, text] of file.text.split("\n").entries()) {
      const inner = byName.get(baseName(INCLUDE.exec(text)?.[1] ?? ""));
      if (inner !== undefined && inner !== file && depth < INCLUDES_DEEP) add(inner, depth + 1);
      else lines.push({ text, source: `${file.name}:${i + 1}` });
    }
  };
  const roots = files.filter((file) => !included.has(baseName(file.name)));
  const local = (file: SourceFile): number => (/local/i.test(baseName(file.name)) ? 0 : 1);
  for (const file of roots.toSorted((a, b) => local(a) - local(b))) add(file, 0);
  return lines;
}

/** Comments gone: block comments, "//" and "#" outside quotes, "#!" left at the beginning of a line. */
function uncommented(lines: readonly Line[]): readonly Line[] {
  let inBlock = false;
  return lines.map(({ text, source }) => {
    let kept = "";
    let quote = "";
    const directive = !inBlock && DIRECTIVE.test(text);
    for (let i = 0; i < text.length; i++) {
      const two = text.slice(i, i + 2);
      if (inBlock) {
        if (two === "*/") {
          inBlock = false;
          i++;
        }
        continue;
      }
      const char = text[i]!;
      if (quote === "" && !directive) {
        if (two === "/*") {
          inBlock = true;
          i++;
          continue;
        }
        if (two === "//" || char === "#") break;
      }
      if (char === '"' || char === "'") quote = quote === char ? "" : quote === "" ? char : quote;
      kept += char;
    }
    return { text: kept, source };
  });
}

/** Definitions collected, branches of ifdef that don't apply left out, substitutions carried out. */
function preprocess(lines: readonly Line[]): {
  readonly lines: readonly Line[];
  readonly definitions: ReadonlyMap<string, Located<string>>;
} {
  const definitions = new Map<string, Located<string>>();
  const substitutions: (readonly [id: string, value: string])[] = [];
  const branches: boolean[] = [];
  const kept: Line[] = [];
  const define = (name: string, value: string, source: string): void => {
    if (!definitions.has(name)) definitions.set(name, { value, source });
  };
  for (const line of lines) {
    const [, directive, rest = ""] = DIRECTIVE.exec(line.text) ?? [];
    if (directive === "ifdef" || directive === "ifndef") branches.push(definitions.has(rest.trim()) === (directive === "ifdef"));
    else if (directive === "ifexp") branches.push(true);
    else if (directive === "else") branches.push(!(branches.pop() ?? true));
    else if (directive === "endif") branches.pop();
    else if (branches.includes(false)) continue;
    else if (directive === "define" || directive === "trydef" || directive === "redefine") {
      const [, name, value = ""] = /^(\w+)\s*(.*?)\s*$/.exec(rest) ?? [];
      if (name !== undefined) define(name, substituted(value.replace(/^"(.*)"$/, "$1"), substitutions, definitions), line.source);
    } else if (directive === "substdef" || directive === "substdefs" || directive === "subst") {
      const [, , name, value] = /^"(.)(.*?)\1(.*?)\1\w*"/.exec(rest) ?? [];
      if (name === undefined || value === undefined || !/^\w+$/.test(name)) continue;
      substitutions.push([name, substituted(value, substitutions, definitions)]);
      define(name, substitutions.at(-1)![1], line.source);
    } else if (directive === undefined) kept.push({ ...line, text: substituted(line.text, substitutions, definitions) });
  }
  return { lines: kept, definitions };
}

function substituted(
  text: string,
  substitutions: readonly (readonly [string, string])[],
  definitions: ReadonlyMap<string, Located<string>>,
): string {
  let result = text;
  for (const [id, value] of substitutions) if (result.includes(id)) result = result.replaceAll(id, () => value);
  // A define stands for whole words only.
  return /[A-Z_]{2}/.test(result) ? result.replace(/\b[A-Z][A-Z0-9_]+\b/g, (word) => definitions.get(word)?.value ?? word) : result;
}
