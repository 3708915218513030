/**
 * What an import hands on: rows that say what became of each thing, and a draft of tandem.yaml. Plain data; the
 * draft has the fields of the configuration file under their own names.
 */

export interface SourceFile {
  readonly name: string;
  readonly text: string;
}

export interface MoveRow {
  /** "dump.sql:12" */
  readonly source: string;
  /** What stood there, in short. */
  readonly what: string;
  /** "gateway livekit"; "" when nothing. */
  readonly became: string;
  /** What is different now, or why it was left behind; "" when there is nothing to say. */
  readonly note: string;
}

export interface DraftListener {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly transports: readonly string[];
  readonly advertise?: string;
  readonly domains?: readonly string[];
  readonly media?: { readonly ports?: string; readonly address?: string; readonly advertise?: string };
}

export interface DraftPeer {
  readonly name: string;
  readonly listener: string;
  readonly egress_listener?: string;
  readonly uri?: string;
  readonly addresses?: readonly string[];
  readonly calls_max?: number;
  readonly drain?: string;
  readonly outbound_proxy?: string;
  readonly probe?: Readonly<Record<string, unknown>> | string;
  readonly username?: string;
  readonly auth_username?: string;
  readonly password?: string;
  readonly realm?: string;
  readonly from_domain?: string;
  readonly register?: Readonly<Record<string, unknown>>;
}

export interface DraftGroup {
  readonly name: string;
  readonly algorithm?: string;
  readonly gateways: readonly { readonly gateway: string; readonly priority: number; readonly weight?: number }[];
}

export interface DraftDid {
  readonly number: string;
  readonly to: string;
}

export interface DraftRule {
  readonly name: string;
  readonly prefix: string;
  readonly to: readonly string[];
}

export interface Draft {
  readonly listeners: readonly DraftListener[];
  readonly trunks: readonly DraftPeer[];
  readonly gateways: readonly DraftPeer[];
  readonly groups: readonly DraftGroup[];
  readonly dids: readonly DraftDid[];
  readonly outbound: readonly DraftRule[];
}

export interface Move {
  readonly rows: readonly MoveRow[];
  readonly draft: Draft;
  /** Without these no configuration can be made. */
  readonly problems: readonly string[];
}
