/**
 * File and environment → one frozen Config, or every problem at once with file, line, field and remedy.
 *
 * Reading files is an argument. Deliberately not here: creating folders, opening sockets, lowering limits to what
 * the machine has.
 */
import { resolve } from "node:path";
import type { Config, ConfigProblem, NodeConfig } from "./config.ts";
import { readSecrets } from "./accounts.ts";
import { buildSnapshot, snapshotHash } from "./build-snapshot.ts";
import { checkResources } from "./check-resources.ts";
import { type ReadDocument, readDocument } from "./document.ts";
import { type Environment, SOCKET_PATH_BYTES_MAX, configFiles, homeFolder, runFolder, tooLongSocketPath } from "./places.ts";
import { type Finding, type Path, type Placed, Reading, describe, isBlank, isMapping, pathText } from "./reading.ts";
import { type Resources, type Sections, toResources } from "./resources.ts";
import type { Note } from "./check-listeners.ts";
import { checkTlsFiles } from "./tls-fields.ts";
import type { LimitPolicy } from "#routing/limits.ts";
import { strangersIn } from "./limit-fields.ts";
import { type NodeFields, SECTIONS, SECTION_READERS, readNode } from "./schema.ts";
import { checkInterfaces } from "./schema-media.ts";
import { IN_THE_STORE, type StoredEntries, NOTHING_STORED, mergeStored } from "./stored-resources.ts";
import { suggestion } from "./suggest.ts";

export interface LoadInput {
  /** --config */
  readonly file?: string | undefined;
  /** --home */
  readonly home?: string | undefined;
  readonly env: Environment;
  /** As fs.readFileSync(path, "utf8"): throws with a `code`. */
  readonly readFile: (path: string) => string;
  readonly uid: number;
  readonly hostname: string;
  /** Of the snapshot; 1 at start, one more at each reload. */
  readonly generation?: number;
  /** Resources in the store of this state folder, which count as if the file had them. Throws where it can't be read. */
  readonly stored?: (home: string) => StoredEntries;
}

export type LoadedConfig =
  | {
      readonly ok: true;
      readonly config: Config;
      /** The file's text, for the change log. */
      readonly text: string;
      readonly warnings: readonly ConfigProblem[];
    }
  | {
      readonly ok: false;
      readonly problems: readonly ConfigProblem[];
      /** Where it would run, if the file could be read so far: for commands that only ask a running one. */
      readonly node?: NodeConfig;
      /** The store is the problem, and nothing else was looked at. */
      readonly storeUnreadable?: true;
    };

export function loadConfig(input: LoadInput): LoadedConfig {
  const found = findFile(input);
  if ("problem" in found) return { ok: false, problems: [found.problem] };
  return loadText(found.text, found.file, input);
}

/** The same for text that is at hand. @param file its name in problems */
export function loadText(text: string, file: string, input: LoadInput): LoadedConfig {
  const document = readDocument(text);
  if (!document.ok) {
    const problems = document.problems.map(({ line, message }) => ({
      file,
      line,
      field: "",
      message,
      remedy: message.includes("unique") ? "each field once" : "YAML: spaces for indentation, quotes around special characters",
    }));
    return { ok: false, problems };
  }
  const stored = readStored(document.value, input);
  if ("problem" in stored) return { ok: false, problems: [stored.problem], storeUnreadable: true };
  const merged = mergeStored(document.value, stored);
  const locateInFile = locator(file, document);
  const locate = (finding: Finding): ConfigProblem => {
    const place = merged.placeOf(finding.path);
    return place === undefined ? locateInFile(finding) : { ...place, message: finding.message, remedy: finding.remedy };
  };
  const reading = new Reading();
  const { node, sections, limits, brokenNames } = readSections(merged.value, reading);
  const nodeConfig = toNodeConfig(node, input);
  if (merged.twice.length > 0) return { ok: false, problems: [...reading.findings, ...merged.twice].map(locate), node: nodeConfig };
  const { secrets, findings: secretFindings } = readSecrets(sections, input.env, input.readFile);
  const resources = toResources(sections, nodeConfig.callsMax, secrets);
  const checked = checkResources(resources, brokenNames);
  const ofFiles = tlsFindings(resources, input);
  const origin = originsOf(sections);
  const placed = (finding: Finding): Finding => ({ ...finding, path: origin(finding.path) });

  const problems = [...reading.findings, ...secretFindings, ...[...checked.errors, ...ofFiles.errors].map(placed)].map(locate);
  const socket = tooLongSocketPath(nodeConfig.runDir);
  if (socket !== undefined) {
    problems.push({
      file,
      line: 0,
      field: "node.home",
      message: `${socket.path} has ${socket.bytes} bytes, and a socket's path may have ${SOCKET_PATH_BYTES_MAX}`,
      remedy: "a shorter --home, TANDEM_HOME or XDG_RUNTIME_DIR",
    });
  }
  if (problems.length > 0) return { ok: false, problems: problems.sort((a, b) => a.line - b.line), node: nodeConfig };
  const snapshot = buildSnapshot(resources, input.generation ?? 1, snapshotHash(text, stored.hash), limits);
  const warnings = [...checked.warnings, ...ofFiles.warnings, ...(limits === undefined ? [] : strangersIn(limits, knownIn(resources)))]
    .map(placed)
    .map(locate)
    .sort((a, b) => a.line - b.line);
  return { ok: true, config: Object.freeze({ node: nodeConfig, snapshot, file }), text, warnings };
}

const knownIn = ({ trunks, gateways }: Resources) => ({
  tenant: new Set([...trunks, ...gateways].map(({ tenant }): string => tenant)),
  trunk: new Set(trunks.map(({ name }) => name)),
  gateway: new Set(gateways.map(({ name }) => name)),
});

/** Certificates and keys that resources name. */
export function tlsFindings(
  { listeners, trunks, gateways }: Pick<Resources, "listeners" | "trunks" | "gateways">,
  input: Pick<LoadInput, "readFile">,
) {
  const errors: Finding[] = [];
  const warnings: Finding[] = [];
  const into =
    (list: Finding[]): Note =>
    (path, message, remedy) =>
      void list.push({ path, message, remedy });
  checkTlsFiles(
    listeners.map((listener, i) => [listener, ["listeners", i]] as const),
    [...trunks.map((peer, i) => [peer, ["trunks", i]] as const), ...gateways.map((peer, i) => [peer, ["gateways", i]] as const)],
    { readFile: input.readFile, nowMs: Date.now(), error: into(errors), warn: into(warnings) },
  );
  return { errors, warnings };
}

/** Where the store is, the file may say itself: `node.home`. */
function readStored(value: unknown, input: LoadInput): StoredEntries | { readonly problem: ConfigProblem } {
  if (input.stored === undefined) return NOTHING_STORED;
  const written = isMapping(value) && isMapping(value["node"]) ? value["node"]["home"] : undefined;
  const home = homeFolder(input.home, typeof written === "string" && written !== "" ? written : undefined, input.env, input.uid);
  try {
    return input.stored(home);
  } catch (error) {
    const message = `resources in ${home} can't be read: ${error instanceof Error ? error.message : String(error)}`;
    return {
      problem: {
        file: IN_THE_STORE,
        line: 0,
        field: "",
        message,
        remedy: "a folder that Tandem's user may read; a broken tandem.db is to be moved away or restored",
      },
    };
  }
}

function findFile({
  file: named,
  env,
  readFile,
}: LoadInput): { readonly file: string; readonly text: string } | { readonly problem: ConfigProblem } {
  const candidates = configFiles(named, env);
  for (const candidate of candidates) {
    try {
      return { text: readFile(candidate), file: candidate };
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
      if (code === "ENOENT" && candidates.length > 1) continue;
      const message = code === "ENOENT" ? `there is no file ${resolve(candidate)}` : `${candidate} can't be read: ${code}`;
      return {
        problem: {
          file: candidate,
          line: 0,
          field: "",
          message,
          remedy: "--config <file>, TANDEM_CONFIG, ./tandem.yaml or /etc/tandem/tandem.yaml",
        },
      };
    }
  }
  return {
    problem: {
      file: "",
      line: 0,
      field: "",
      message: `no configuration: neither ${candidates.join(" nor ")} exists`,
      remedy: "--config <file> or TANDEM_CONFIG; examples/minimal.yaml is a beginning",
    },
  };
}

interface ReadSections {
  readonly limits: LimitPolicy | undefined;
  readonly node: NodeFields;
  readonly sections: Sections;
  /** Names in entries that have problems of their own. */
  readonly brokenNames: ReadonlySet<string>;
}

function readSections(value: unknown, reading: Reading): ReadSections {
  const mapping = isMapping(value) ? value : {};
  if (!isMapping(value) && !isBlank(value)) reading.note(`${describe(value)} instead of sections`, `sections: ${SECTIONS.join(", ")}`);
  for (const key of Object.keys(mapping)) {
    if (!SECTIONS.includes(key)) reading.noteAt(key, `unknown section ${key}`, suggestion(key, SECTIONS, "section"));
  }
  const section = <K extends keyof Sections>(key: K): Sections[K] =>
    (reading.at(key, mapping[key], SECTION_READERS[key].read as (value: unknown, reading: Reading) => Sections[K] | undefined) ??
      []) as Sections[K];
  const sections: Sections = {
    listeners: section("listeners"),
    trunks: section("trunks"),
    gateways: section("gateways"),
    groups: section("groups"),
    dids: section("dids"),
    outbound: section("outbound"),
  };
  const node = reading.at("node", mapping["node"], readNode) ?? readNode({}, new Reading())!;
  checkInterfaces(node.media, sections.listeners, (path, message, remedy) => reading.findings.push({ path, message, remedy }));
  const limits = reading.at("limits", mapping["limits"], SECTION_READERS.limits.read);
  return { node, sections, limits, brokenNames: namesOfBroken(mapping, sections) };
}

function namesOfBroken(mapping: Readonly<Record<string, unknown>>, sections: Sections): Set<string> {
  const names = new Set<string>();
  for (const key of ["listeners", "trunks", "gateways", "groups"] as const) {
    const written = mapping[key];
    const whole = new Set(sections[key].map(({ index }) => index));
    if (!Array.isArray(written)) continue;
    for (const [i, entry] of written.entries()) if (!whole.has(i) && isMapping(entry)) names.add(String(entry["name"]));
  }
  return names;
}

/** From the place in Resources back to the place in the file: broken entries were left out, DIDs with several numbers spread. */
function originsOf(sections: Sections): (path: Path) => Path {
  let dids: number[] | undefined;
  const indexes = (section: keyof Sections): readonly number[] => {
    if (section === "dids") return (dids ??= sections.dids.flatMap(({ index, value }) => value.number.map(() => index)));
    return (sections[section] as readonly Placed<unknown>[]).map(({ index }) => index);
  };
  return ([section, i, ...rest]) => {
    const known = section !== undefined && Object.hasOwn(sections, section);
    if (!known || typeof i !== "number") return [section, i, ...rest].filter((part) => part !== undefined);
    return [section, indexes(section as keyof Sections)[i] ?? i, ...rest];
  };
}

function locator(file: string, document: Extract<ReadDocument, { ok: true }>): (finding: Finding) => ConfigProblem {
  return ({ path, message, remedy }) => ({ file, line: document.lineOf(path), field: pathText(path), message, remedy });
}

/** On by default, for this machine only. The environment may switch the default off, not what the file asks for. */
function apiOf({ api }: NodeFields, env: LoadInput["env"]): NodeConfig["api"] {
  if (api?.enabled === false || (api === undefined && env["TANDEM_API"] === "off")) return undefined;
  return Object.freeze({
    address: api?.address ?? API_DEFAULT.address,
    port: api?.port ?? API_DEFAULT.port,
    asked: api !== undefined,
    ...(api?.requests_per_second !== undefined && { requestsPerSecond: api.requests_per_second }),
  });
}
const API_DEFAULT = { address: "127.0.0.1", port: 8080 };

function toNodeConfig(fields: NodeFields, { home: named, env, uid, hostname }: LoadInput): NodeConfig {
  const home = homeFolder(named, fields.home, env, uid);
  const homeWasNamed = Boolean(named || env["TANDEM_HOME"] || fields.home);
  return Object.freeze({
    id: fields.id,
    name: fields.name ?? hostname,
    home,
    runDir: runFolder(home, homeWasNamed, env),
    logLevel: fields.log_level,
    logNumbers: fields.log_numbers,
    callsMax: fields.calls_max,
    invitesPerSecondPerSource: fields.invites_per_second_per_source,
    traceBytesMax: fields.trace_mb * 1024 * 1024,
    api: apiOf(fields, env),
    otlp: fields.otlp,
    webhooks: Object.freeze({ allowPrivate: fields.webhooks.allow_private }),
    dnsServers: fields.dns_servers,
    media: Object.freeze({
      workers: fields.media.workers ?? 1,
      coalesceUs: fields.media.coalesce_us,
      sockets: fields.media.sockets,
      engine: fields.media.engine,
      rtpengines: fields.media.rtpengine,
      interfaces: fields.media.interfaces,
    }),
  });
}
