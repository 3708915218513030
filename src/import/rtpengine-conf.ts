/** The lines of rtpengine.conf that matter when its ports become ours; also as options of a command line. */
import type { SourceFile } from "./move.ts";

export interface RtpengineInterface {
  readonly name: string;
  readonly address: string;
  /** What SDP says instead; undefined: the address. */
  readonly advertised: string | undefined;
}

export interface RtpengineConf {
  readonly interfaces: readonly RtpengineInterface[];
  /** rtpengine's own defaults where nothing is said. */
  readonly portMin: number;
  readonly portMax: number;
  readonly listenNg: string | undefined;
  /** Where the first interface stands. */
  readonly source: string;
}

const LINE = /(?:^|\s)(?:--)?(interface|port-min|port-max|listen-ng)(?:\s*=\s*|\s+)(?!=)("[^"]*"|[^\s#"]+)/;
const INTERFACE = /^(?:([^/\s]+)\/)?\[?([0-9A-Fa-f:.]+)\]?(?:!\[?([0-9A-Fa-f:.]+)\]?)?$/;
const PORT_MIN = 30_000;
const PORT_MAX = 40_000;

export function readRtpengineConf(files: readonly SourceFile[]): RtpengineConf | undefined {
  const interfaces = new Map<string, RtpengineInterface>();
  let portMin = PORT_MIN;
  let portMax = PORT_MAX;
  let listenNg: string | undefined;
  let source = "";
  for (const { name: file, text } of files) {
    for (const [i, line] of text.split("\n").entries()) {
      if (/^\s*[#;]/.test(line)) continue;
      const [, key, quoted] = LINE.exec(line) ?? [];
      const value = quoted?.replaceAll('"', "");
      if (key === undefined || value === undefined) continue;
      source ||= `${file}:${i + 1}`;
      if (key === "listen-ng") listenNg = value;
      else if (key === "port-min") portMin = Number(value) || portMin;
      else if (key === "port-max") portMax = Number(value) || portMax;
      else for (const one of value.split(";")) addInterface(interfaces, one);
    }
  }
  return source === "" ? undefined : { interfaces: [...interfaces.values()], portMin, portMax, listenNg, source };
}

function addInterface(interfaces: Map<string, RtpengineInterface>, text: string): void {
  const [, name = "", address, advertised] = INTERFACE.exec(text.trim()) ?? [];
  if (address !== undefined && !interfaces.has(`${name}/${address}`)) interfaces.set(`${name}/${address}`, { name, address, advertised });
}
