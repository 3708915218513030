/**
 * The call-control port: what the CLI, later the API and a cluster, say to the signalling process, and
 * what it tells them. Serialisable both ways; imports nothing.
 *
 * Over `control.sock`: one JSON object a line. Client: {id, command}. Server: {id, result} or
 * {id, error: {code, message}}, and for a subscription {id, event} until the client goes.
 */
export type ControlCommand =
  | { readonly type: "status" }
  | { readonly type: "calls" }
  | { readonly type: "call"; readonly callId: string }
  /** What media counted so far, by leg; none before there is media. */
  | { readonly type: "quality"; readonly callId: string }
  | { readonly type: "hangup"; readonly callId: string; readonly reason: string }
  | OriginateCommand
  | TransferCommand
  /** The same decision a call would get, from the running snapshot. */
  | {
      readonly type: "route";
      readonly number: string;
      readonly from: string | undefined;
      readonly caller: string | undefined;
      /** In place of `from`: an address that it would come from. */
      readonly address?: string | undefined;
      /** As if it were this time, epoch ms; health and counts are those of now. */
      readonly atMs?: number | undefined;
    }
  /** Past CDRs, newest first. */
  | { readonly type: "cdr"; readonly limit: number; readonly callId: string | undefined; readonly number: string | undefined }
  /** Ladder events of a call (id or unique prefix, or SIP Call-ID; undefined: the last call); `follow` goes on live. */
  | { readonly type: "trace"; readonly call: string | undefined; readonly follow: boolean }
  /** Only as a subscription: live events in batches, of all that came after a place; undefined: from now on. */
  | { readonly type: "events"; readonly after: string | undefined }
  /** A one-time permission to call `number` as if from `trunk`, for `tandem call`. */
  | { readonly type: "test-call"; readonly number: string; readonly trunk: string | undefined }
  | { readonly type: "reload" }
  /** To change a few resources and put that in force: checked with what they touch, stored with others that come along. */
  | {
      readonly type: "write";
      /** Entries as tandem.yaml has them, by section. */
      readonly sections: Readonly<Record<string, readonly unknown[]>>;
      readonly remove: readonly { readonly kind: string; readonly name: string }[];
      readonly tenant: string | undefined;
      /** Of the stored resources when it was worked out: what it touches must not have changed since. */
      readonly expectedGeneration: number | undefined;
      /** What the entries are called in problems. */
      readonly file: string;
    }
  /** What a file of resources would change in the store, or, with `commit`, to change it and put it in force. */
  | {
      readonly type: "apply";
      /** Name of the file in the state folder that holds the text, and the SHA-256 of that. */
      readonly spool: string;
      readonly sha256: string;
      /** What the user calls it. */
      readonly file: string;
      readonly tenant: string | undefined;
      readonly prune: boolean;
      readonly commit: boolean;
      /** Of the stored resources that the user was shown; undefined: he wasn't. */
      readonly expectedGeneration: number | undefined;
      /** Whose wish it is; absent: a file's. What the API declares is no file's to prune. */
      readonly origin?: "api" | undefined;
      /** To be taken out beside what the file says. */
      readonly remove?: readonly { readonly kind: string; readonly name: string }[] | undefined;
    }
  /** A token for the API that is good for a while: whoever reaches this port may do everything anyway. */
  | { readonly type: "token"; readonly role: "owner" | "operator" | "viewer"; readonly tenant: string | undefined }
  /** Groups, gateways and how they are. */
  | { readonly type: "gateways" }
  /** Trunks, and how we are registered there. */
  | { readonly type: "trunks" }
  /** No new calls to this gateway or trunk, or again; running ones go on. */
  | { readonly type: "drain-gateway"; readonly name: string; readonly draining: boolean }
  /** Who asked for a call lately and was not let in. */
  | { readonly type: "refusals" }
  /** What tenants, trunks, gateways and sources have in use, and may. */
  | { readonly type: "limits" }
  /** Above tandem.yaml's, field by field. @param limits as routing/limits.ts has them; null: as tandem.yaml says again */
  | { readonly type: "limit-set"; readonly subject: LimitSubjectName; readonly name: string; readonly limits: object | null }
  | { readonly type: "limit-unlock"; readonly subject: LimitSubjectName; readonly name: string }
  /** No new calls; ends when the last call is over or after the time. */
  | { readonly type: "drain"; readonly timeoutMs: number };

/** Where an answered call is connected, or moved. A number goes by the outbound rules. */
export interface PlaceName {
  readonly kind: "group" | "gateway" | "number";
  readonly name: string;
}

/** Call `toNumber`, and when it has answered connect it. */
export interface OriginateCommand {
  readonly type: "originate";
  /** Undefined: whoever may act for all tenants; `fromNumber` says for which. */
  readonly tenant: string | undefined;
  readonly fromNumber: string;
  readonly toNumber: string;
  readonly trunk: string | undefined;
  /** Undefined: where calls to `fromNumber` go. */
  readonly connect: PlaceName | undefined;
  readonly timeoutMs: number | undefined;
  readonly webhookUrl: string | undefined;
}

/** One side of a running call is replaced by whoever answers at `place`. */
export interface TransferCommand {
  readonly type: "transfer";
  readonly callId: string;
  readonly place: PlaceName;
  /** Who is replaced; undefined: the gateway's side, else who was called. */
  readonly leg: "caller" | "callee" | undefined;
}

export type TransferReport =
  | { readonly callId: string }
  | { readonly refused: { readonly code: "NOT_ANSWERED" | "BUSY" | "NO_ROUTE" | "NOT_SUPPORTED"; readonly message: string } };

export type OriginateReport =
  | { readonly callId: string }
  | {
      readonly refused: {
        readonly code: "FROM_NOT_OWN" | "UNKNOWN" | "NO_ROUTE" | "NOT_SUPPORTED" | "OVERLOADED";
        readonly field: "from_number" | "to_number" | "trunk" | "connect" | undefined;
        readonly message: string;
      };
    };

export interface CallSummary {
  readonly callId: string;
  readonly tenant: string;
  readonly state: "routing" | "hunting" | "ringing" | "answered" | "ending";
  readonly caller: string;
  readonly called: string;
  readonly from: string;
  readonly to: string;
  readonly startedAtMs: number;
  readonly answeredAtMs: number | undefined;
  readonly held: boolean;
}

export interface RefusalReport {
  readonly address: string;
  readonly listener: string;
  readonly reason: string;
  readonly count: number;
  readonly lastAtMs: number;
}
export interface LegQuality {
  readonly leg: string;
  readonly peer: string;
  readonly codec: string;
  readonly packetsReceived: number;
  readonly packetsSent: number;
  readonly packetsLost: number;
  readonly jitterMs: number;
  readonly strays: number;
}

export interface TestCallTicket {
  /** Where to send the INVITE, ticket included, e.g. sip:+15551234567@10.0.0.1:5060;tandem-test=… */
  readonly uri: string;
  readonly listener: string;
}

export interface TrunkReport {
  readonly name: string;
  readonly tenant: string;
  readonly listener: string;
  /** "" where calls can't go there. */
  readonly uri: string;
  readonly calls: number;
  readonly callsMax: number;
  readonly title: string;
  /** The company behind it; its name where none was said. */
  readonly provider: string;
  /** What a minute costs; undefined: nobody said. */
  readonly costPerMinute?: number | undefined;
  /** Takes calls neither way. */
  readonly maintenance: boolean;
  /** Since the start; outbound are attempts. */
  readonly totals: { readonly inbound: CallTotals; readonly outbound: CallTotals };
  /** Undefined: it wants none. */
  readonly registration:
    | {
        readonly standing: "registered" | "registering" | "failed" | "unregistered";
        /** Epoch ms of the last change. */
        readonly sinceMs: number;
        /** Epoch ms of the next request; undefined while one is out. */
        readonly nextAtMs: number | undefined;
        readonly reason: string;
        readonly registrar: string;
        readonly addressOfRecord: string;
        readonly failures: number;
      }
    | undefined;
}

export interface CallTotals {
  readonly calls: number;
  readonly answered: number;
  /** By a fault; busy, unanswered and cancelled calls are none. */
  readonly failed?: number;
  readonly seconds: number;
}

export interface TokenReport {
  readonly token: string;
  readonly expiresAtMs: number;
  /** "http://127.0.0.1:8080"; undefined: the API is off. */
  readonly url: string | undefined;
}

export interface GatewaysReport {
  readonly groups: readonly {
    readonly name: string;
    readonly tenant: string;
    readonly algorithm: string;
    readonly calls: number;
    /** Undefined: no limit of its own. */
    readonly callsMax: number | undefined;
    readonly members: readonly { readonly gateway: string; readonly priority: number; readonly weight: number }[];
  }[];
  /** Trunks that calls can go to are among them. */
  readonly gateways: readonly GatewayReport[];
}

export interface GatewayReport {
  readonly name: string;
  readonly kind: "gateway" | "trunk";
  readonly tenant: string;
  readonly listener: string;
  readonly uri: string;
  /** "unknown": neither probed nor called so far, which is usable. */
  readonly state: "up" | "unknown" | "down" | "resting" | "draining" | "maintenance";
  readonly reason: string;
  readonly calls: number;
  readonly callsMax: number;
  readonly probed: boolean;
  readonly targets: readonly {
    readonly target: string;
    readonly up: boolean;
    /** Epoch ms; 0: it doesn't rest. */
    readonly restsUntilMs: number;
    readonly cause: string;
    readonly probe: { readonly atMs: number; readonly status: number; readonly rttMs: number; readonly detail: string } | undefined;
    /** Of the last calls and probes, `succeeded` of `samples`. */
    readonly samples: number;
    readonly succeeded: number;
  }[];
  /** Newest first. */
  readonly history: readonly { readonly atMs: number; readonly target: string; readonly up: boolean; readonly reason: string }[];
}

export type LimitSubjectName = "tenant" | "trunk" | "gateway" | "source";
export interface LimitReport {
  readonly subject: LimitSubjectName;
  readonly name: string;
  /** "": the deployment's. */
  readonly tenant: string;
  readonly calls: number;
  readonly minutesToday: number;
  /** In force, defaults included. */
  readonly limits: {
    readonly callsMax?: number;
    readonly callsPerSecond?: number;
    readonly minutesPerDay?: number;
    readonly allowedPrefixes?: readonly string[];
    readonly deniedPrefixes?: readonly string[];
    readonly allowedCountries?: readonly string[];
    readonly deniedCountries?: readonly string[];
    readonly premium?: "allow" | "deny";
    readonly fraud?: { readonly calls: number; readonly windowMs: number; readonly shortMs: number; readonly lockMs: number } | false;
  };
  /** Some of it was set over the API. */
  readonly isSet: boolean;
  readonly lock: { readonly untilMs: number; readonly reason: string } | undefined;
}

export interface StatusReport {
  readonly version: string;
  readonly node: string;
  readonly pid: number;
  readonly startedAtMs: number;
  readonly configGeneration: number;
  readonly configFile: string;
  readonly calls: number;
  readonly callsMax: number;
  readonly media: { readonly engine: string; readonly up: boolean; readonly detail: string };
  readonly listeners: readonly { readonly name: string; readonly address: string; readonly transports: readonly string[] }[];
  /** Ours, for TLS: a listener's, or what we show to a peer. Watched over by alerts. */
  readonly certificates: readonly {
    /** "listener public", "trunk carrier" */
    readonly of: string;
    readonly file: string;
    readonly names: readonly string[];
    /** Epoch ms. */
    readonly notBeforeMs: number;
    readonly notAfterMs: number;
  }[];
  /** At how many providers we are registered, of those that trunks name. */
  readonly registrations: { readonly registered: number; readonly of: number };
  readonly counters: Readonly<Record<string, number>>;
}
