/** The frozen configuration of one process: what file and environment said, validated as a whole. */
import type { Snapshot } from "#routing/snapshot.ts";

export interface NodeConfig {
  /** Two characters of [0-9a-z], in every token we sign. */
  readonly id: string;
  readonly name: string;
  /** State folder. */
  readonly home: string;
  /** Folder of control.sock and media.sock. */
  readonly runDir: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** Phone numbers in log lines; undefined: masked, but whole at debug. */
  readonly logNumbers: "masked" | "whole" | undefined;
  /** Whole node; lowered to what descriptors allow. */
  readonly callsMax: number;
  /** INVITEs a second that one source may send before they are refused. */
  readonly invitesPerSecondPerSource: number;
  readonly traceBytesMax: number;
  /** Where the REST API listens; undefined: there is none. `asked`: the file says so, so that it must work. */
  readonly api:
    | {
        readonly address: string;
        readonly port: number;
        readonly asked: boolean;
        /** Of each user or key; absent: the API's own limit. */
        readonly requestsPerSecond?: number;
      }
    | undefined;
  /** The OpenTelemetry collector that spans of calls go to; undefined: none do. */
  readonly otlp: { readonly endpoint: string; readonly headers: readonly string[] } | undefined;
  /** Whether webhooks may go to addresses of private networks. */
  readonly webhooks: { readonly allowPrivate: boolean };
  /** Asked in place of the system's, "192.0.2.53" or "192.0.2.53:5353"; empty: the system's. */
  readonly dnsServers: readonly string[];
  readonly media: {
    readonly workers: number;
    /** Largest coalescing delay of the packet loop, µs; 0 switches it off. */
    readonly coalesceUs: number;
    /** undefined: koffi on Linux where it loads. */
    readonly sockets: "koffi" | "dgram" | undefined;
    readonly engine: "embedded" | "rtpengine";
    /** Where rtpengine takes commands; empty with the embedded engine. */
    readonly rtpengines: readonly { readonly address: string; readonly port: number; readonly weight: number }[];
    /** Listener → rtpengine's interface, where the names differ. */
    readonly interfaces: Readonly<Record<string, string>>;
  };
}

export interface Config {
  readonly node: NodeConfig;
  readonly snapshot: Snapshot;
  /** Where it came from; "" when from environment alone. */
  readonly file: string;
}

export interface ConfigProblem {
  readonly file: string;
  /** 1-based; 0 when no place can be named. */
  readonly line: number;
  /** "gateways[2].uri" */
  readonly field: string;
  readonly message: string;
  /** What would be right. */
  readonly remedy: string;
}
