/** What each operation of the API takes and answers. Made by `./dev client` of the OpenAPI file; long because the API is. */

export interface Schemas {
  readonly ActiveCall: {
    readonly call_id: string;
    readonly tenant: string;
    readonly status: "routing" | "hunting" | "ringing" | "answered" | "ending";
    readonly from_number: string;
    readonly to_number: string;
    readonly from_peer: string;
    readonly to_peer: string;
    readonly started_at: string;
    readonly answered_at: string | null;
    readonly on_hold: boolean;
  };
  readonly Alert: {
    readonly alert_id: string;
    readonly rule: string;
    readonly tenant: string;
    readonly subject: string;
    readonly severity: "warning" | "critical";
    readonly detail: string;
    readonly raised_at: string;
    readonly cleared_at: string | null;
  };
  readonly AlertChannel: {
    readonly channel_id: string;
    readonly name: string;
    readonly kind: string;
    readonly active: boolean;
    readonly settings: Readonly<Record<string, unknown>>;
    readonly created_at: string;
    readonly last_sent_at: string | null;
    readonly last_problem: string;
    readonly secret?: string | undefined;
  };
  readonly AlertRule: {
    readonly rule: string;
    readonly title: string;
    readonly threshold_unit: string;
    readonly enabled: boolean;
    readonly severity: "warning" | "critical";
    readonly threshold: number;
    readonly window_s: number;
    readonly calls_min: number;
    readonly raise_after_s: number;
    readonly clear_after_s: number;
  };
  readonly AlertRuleChangeInput: {
    readonly enabled?: boolean | undefined;
    readonly severity?: "warning" | "critical" | undefined;
    readonly threshold?: number | undefined;
    readonly window_s?: number | undefined;
    readonly calls_min?: number | undefined;
    readonly raise_after_s?: number | undefined;
    readonly clear_after_s?: number | undefined;
  };
  readonly ApiKey: {
    readonly key_id: string;
    readonly name: string;
    readonly tenant: string;
    readonly scopes: readonly string[];
    readonly disabled: boolean;
    readonly created_by: string;
    readonly created_at: string;
  };
  readonly ApplyOutcome:
    | {
        readonly ok: true;
        readonly report: {
          readonly generation: number;
          readonly committed: boolean;
          readonly added: number;
          readonly changed: number;
          readonly removed: number;
          readonly unchanged: number;
          readonly changes: readonly {
            readonly change: "add" | "change" | "remove";
            readonly kind: string;
            readonly name: string;
            readonly tenant: string;
            readonly fields: readonly {
              readonly field: string;
              readonly before?: string | undefined;
              readonly after?: string | undefined;
            }[];
          }[];
          readonly warnings: readonly {
            readonly file: string;
            readonly line: number;
            readonly field: string;
            readonly message: string;
            readonly remedy: string;
          }[];
        };
      }
    | {
        readonly ok: false;
        readonly code: "CONFIGURATION" | "CONFLICT" | "NEEDS_RESTART" | "SPOOL" | "STORE";
        readonly message: string;
        readonly problems: readonly {
          readonly file: string;
          readonly line: number;
          readonly field: string;
          readonly message: string;
          readonly remedy: string;
        }[];
      };
  readonly ApplyWishInput: {
    readonly text: string;
    readonly file?: string | undefined;
    readonly tenant?: string | undefined;
    readonly prune?: boolean | undefined;
    readonly commit?: boolean | undefined;
    readonly expected_generation?: number | undefined;
  };
  readonly AuditEntry: {
    readonly id: string;
    readonly at: string;
    readonly tenant: string;
    readonly who: string;
    readonly address: string;
    readonly action: string;
    readonly kind: string;
    readonly name: string;
    readonly before: unknown;
    readonly after: unknown;
    readonly request_id: string;
  };
  readonly BulkDidInput: {
    readonly number: string;
    readonly tenant?: string | undefined;
    readonly trunks?: readonly string[] | undefined;
    readonly when?:
      | readonly {
          readonly days?: readonly string[] | undefined;
          readonly from?: string | undefined;
          readonly to?: string | undefined;
          readonly timezone?: string | undefined;
        }[]
      | undefined;
    readonly callers?: readonly string[] | undefined;
    readonly blocked_callers?: readonly string[] | undefined;
    readonly to: readonly (
      | string
      | {
          readonly group?: string | undefined;
          readonly gateway?: string | undefined;
          readonly trunk?: string | undefined;
          readonly reject?: number | undefined;
          readonly reason?: string | undefined;
          readonly tone?: "busy" | "congestion" | "special-information" | "ringback" | undefined;
          readonly when?:
            | readonly {
                readonly days?: readonly string[] | undefined;
                readonly from?: string | undefined;
                readonly to?: string | undefined;
                readonly timezone?: string | undefined;
              }[]
            | undefined;
          readonly callers?: readonly string[] | undefined;
        }
    )[];
    readonly hunt?:
      | {
          readonly try_timeout_ms?: number | undefined;
          readonly progress_timeout_ms?: number | undefined;
          readonly ring_timeout_ms?: number | undefined;
          readonly setup_budget_ms?: number | undefined;
        }
      | undefined;
  };
  readonly BulkResult: {
    readonly generation: number;
    readonly added: number;
    readonly changed: number;
    readonly removed: number;
    readonly unchanged: number;
  };
  readonly CallAttempt: {
    readonly number: number | null;
    readonly peer: string;
    readonly target: string;
    readonly status: number;
    readonly q850: number | null;
    readonly outcome: string;
    readonly reason: string;
    readonly duration_ms: number | null;
    readonly skipped: boolean;
  };
  readonly CallFinding: {
    readonly code: string;
    readonly severity: "error" | "warning" | "note";
    readonly title: string;
    readonly evidence: readonly { readonly text: string; readonly message: number | null }[];
    readonly advice: string;
  };
  readonly CallMoveInput: {
    readonly to:
      | string
      | {
          readonly group?: string | undefined;
          readonly gateway?: string | undefined;
          readonly number?: string | undefined;
          readonly uri?: string | undefined;
        };
    readonly leg?: "caller" | "callee" | undefined;
  };
  readonly CallQuality: {
    readonly leg: string;
    readonly peer: string;
    readonly codec: string;
    readonly packets_received: number;
    readonly packets_sent: number;
    readonly packets_lost: number;
    readonly loss_percent: number;
    readonly jitter_ms: number;
    readonly strays: number;
    readonly silent: boolean;
  };
  readonly CallRecord: {
    readonly call_id: string;
    readonly tenant: string;
    readonly direction: "inbound" | "outbound";
    readonly provider: string | null;
    readonly from_number: string;
    readonly to_number: string;
    readonly route: string;
    readonly config_generation: number;
    readonly started_at: string;
    readonly answered_at: string | null;
    readonly ended_at: string;
    readonly setup_ms: number;
    readonly duration_seconds: number;
    readonly outcome: string;
    readonly sip_status: number;
    readonly q850: number | null;
    readonly ended_by: string;
    readonly end_reason: string;
    readonly attempts: readonly {
      readonly number: number;
      readonly peer: string;
      readonly target: string;
      readonly status: number;
      readonly q850: number | null;
      readonly outcome: string;
      readonly reason: string;
      readonly duration_ms: number;
    }[];
    readonly legs: readonly {
      readonly leg: string;
      readonly direction: string;
      readonly peer: string;
      readonly remote_address: string;
      readonly codec: string;
      readonly packets_received: number;
      readonly packets_sent: number;
      readonly packets_lost: number;
      readonly jitter_ms: number;
      readonly strays: number;
    }[];
    readonly skipped: readonly { readonly peer: string; readonly reason: string }[];
  };
  readonly CallStatistic: {
    readonly key: string;
    readonly calls: number;
    readonly inbound: number;
    readonly outbound: number;
    readonly answered: number;
    readonly answer_rate: number | null;
    readonly duration_seconds: number;
    readonly mean_duration_seconds: number | null;
    readonly mean_delay_ms: number | null;
    readonly outcomes: Readonly<Record<string, number>>;
  };
  readonly CallWishInput: {
    readonly from_number: string;
    readonly to_number: string;
    readonly webhook_url?: string | undefined;
    readonly trunk?: string | undefined;
    readonly timeout_s?: number | undefined;
    readonly connect?:
      | {
          readonly group?: string | undefined;
          readonly gateway?: string | undefined;
          readonly number?: string | undefined;
          readonly uri?: string | undefined;
        }
      | undefined;
  };
  readonly Did: {
    readonly number: string;
    readonly tenant: string;
    readonly trunks?: readonly string[] | undefined;
    readonly when?:
      | readonly {
          readonly days?: readonly string[] | undefined;
          readonly from?: string | undefined;
          readonly to?: string | undefined;
          readonly timezone?: string | undefined;
        }[]
      | undefined;
    readonly callers?: readonly string[] | undefined;
    readonly blocked_callers?: readonly string[] | undefined;
    readonly to?:
      | readonly (
          | string
          | {
              readonly group?: string | undefined;
              readonly gateway?: string | undefined;
              readonly trunk?: string | undefined;
              readonly reject?: number | undefined;
              readonly reason?: string | undefined;
              readonly tone?: "busy" | "congestion" | "special-information" | "ringback" | undefined;
              readonly when?:
                | readonly {
                    readonly days?: readonly string[] | undefined;
                    readonly from?: string | undefined;
                    readonly to?: string | undefined;
                    readonly timezone?: string | undefined;
                  }[]
                | undefined;
              readonly callers?: readonly string[] | undefined;
            }
        )[]
      | undefined;
    readonly hunt?:
      | {
          readonly try_timeout_ms?: number | undefined;
          readonly progress_timeout_ms?: number | undefined;
          readonly ring_timeout_ms?: number | undefined;
          readonly setup_budget_ms?: number | undefined;
        }
      | undefined;
    readonly managed_by: "api" | "apply" | "file";
  };
  readonly DidChangeInput: {
    readonly number?: string | null | undefined;
    readonly tenant?: string | null | undefined;
    readonly trunks?: readonly string[] | null | undefined;
    readonly when?:
      | readonly {
          readonly days?: readonly string[] | undefined;
          readonly from?: string | undefined;
          readonly to?: string | undefined;
          readonly timezone?: string | undefined;
        }[]
      | null
      | undefined;
    readonly callers?: readonly string[] | null | undefined;
    readonly blocked_callers?: readonly string[] | null | undefined;
    readonly to?:
      | readonly (
          | string
          | {
              readonly group?: string | undefined;
              readonly gateway?: string | undefined;
              readonly trunk?: string | undefined;
              readonly reject?: number | undefined;
              readonly reason?: string | undefined;
              readonly tone?: "busy" | "congestion" | "special-information" | "ringback" | undefined;
              readonly when?:
                | readonly {
                    readonly days?: readonly string[] | undefined;
                    readonly from?: string | undefined;
                    readonly to?: string | undefined;
                    readonly timezone?: string | undefined;
                  }[]
                | undefined;
              readonly callers?: readonly string[] | undefined;
            }
        )[]
      | null
      | undefined;
    readonly hunt?:
      | {
          readonly try_timeout_ms?: number | undefined;
          readonly progress_timeout_ms?: number | undefined;
          readonly ring_timeout_ms?: number | undefined;
          readonly setup_budget_ms?: number | undefined;
        }
      | null
      | undefined;
  };
  readonly Gateway: {
    readonly name: string;
    readonly tenant: string;
    readonly listener?: string | undefined;
    readonly addresses?: readonly string[] | undefined;
    readonly domains?: readonly string[] | undefined;
    readonly trunk_group?: string | undefined;
    readonly uri?: string | undefined;
    readonly numbers?:
      | {
          readonly country_code?: string | undefined;
          readonly national_prefix?: string | undefined;
          readonly international_prefix?: string | undefined;
          readonly write?: "+e164" | "e164" | "national" | "00e164" | "as-received" | undefined;
        }
      | undefined;
    readonly headers?:
      | {
          readonly pass?: readonly string[] | undefined;
          readonly set?: Readonly<Record<string, readonly string[]>> | undefined;
          readonly remove?: readonly string[] | undefined;
          readonly rules?:
            | readonly {
                readonly on: readonly ("INVITE" | "18x" | "200" | "BYE" | "refusal")[];
                readonly pass?: readonly string[] | undefined;
                readonly remove?: readonly string[] | undefined;
                readonly set?: Readonly<Record<string, readonly string[]>> | undefined;
                readonly rename?: Readonly<Record<string, string>> | undefined;
              }[]
            | undefined;
        }
      | undefined;
    readonly nat?: boolean | undefined;
    readonly dscp?: string | undefined;
    readonly media_dscp?: string | undefined;
    readonly codecs?: readonly string[] | undefined;
    readonly calls_max?: number | undefined;
    readonly call_duration_max_s?: number | undefined;
    readonly media_timeout_s?: number | undefined;
    readonly early_media?: "suppress" | "relay" | "new-tag" | undefined;
    readonly follow_redirects?: boolean | undefined;
    readonly privacy?: "pass" | "hide" | undefined;
    readonly caller_number?: string | undefined;
    readonly from_domain?: string | undefined;
    readonly probe?:
      | boolean
      | {
          readonly every_s?: number | undefined;
          readonly timeout_ms?: number | undefined;
          readonly up_after?: number | undefined;
          readonly down_after?: number | undefined;
          readonly accepted_codes?: readonly string[] | undefined;
        }
      | undefined;
    readonly title?: string | undefined;
    readonly provider?: string | undefined;
    readonly cost_per_minute?: string | undefined;
    readonly drain?: boolean | undefined;
    readonly maintenance?: boolean | undefined;
    readonly blocked_prefixes?: readonly string[] | undefined;
    readonly rewrite?:
      | {
          readonly inbound_called?: readonly { readonly match: string; readonly replace: string }[] | undefined;
          readonly inbound_caller?: readonly { readonly match: string; readonly replace: string }[] | undefined;
          readonly outbound_called?: readonly { readonly match: string; readonly replace: string }[] | undefined;
          readonly outbound_caller?: readonly { readonly match: string; readonly replace: string }[] | undefined;
        }
      | undefined;
    readonly identity?:
      | {
          readonly read?: readonly ("from" | "pai" | "rpid")[] | undefined;
          readonly send?: readonly ("from" | "pai" | "rpid")[] | undefined;
          readonly diversion?: "drop" | "pass" | "set" | undefined;
          readonly anonymous?: "pass" | "withhold" | "reveal" | undefined;
          readonly anonymous_calls?: "take" | "refuse" | undefined;
        }
      | undefined;
    readonly codecs_mode?: "filter" | "order" | undefined;
    readonly egress_listener?: string | undefined;
    readonly transfers?: boolean | undefined;
    readonly calls_max_inbound?: number | undefined;
    readonly calls_max_outbound?: number | undefined;
    readonly calls_per_second_inbound?: number | undefined;
    readonly calls_per_second_outbound?: number | undefined;
    readonly call_queue_ms?: number | undefined;
    readonly caller_numbers_allowed?: readonly string[] | undefined;
    readonly password?: string | undefined;
    readonly passwords?: readonly string[] | undefined;
    readonly password_env?: string | undefined;
    readonly password_file?: string | undefined;
    readonly username?: string | undefined;
    readonly auth_username?: string | undefined;
    readonly realm?: string | undefined;
    readonly outbound_proxy?: string | undefined;
    readonly digest?:
      | {
          readonly password?: string | undefined;
          readonly passwords?: readonly string[] | undefined;
          readonly password_env?: string | undefined;
          readonly password_file?: string | undefined;
          readonly username: string;
          readonly realm?: string | undefined;
          readonly algorithms?: readonly ("SHA-512-256" | "SHA-256" | "MD5")[] | undefined;
        }
      | undefined;
    readonly preset?: string | undefined;
    readonly tls_verify?: boolean | undefined;
    readonly tls_wildcards?: boolean | undefined;
    readonly tls_ca?: string | undefined;
    readonly tls_certificate?: string | undefined;
    readonly tls_key?: string | undefined;
    readonly tls_client_names?: readonly string[] | undefined;
    readonly next_on?: readonly number[] | undefined;
    readonly managed_by: "api" | "apply" | "file";
  };
  readonly GatewayChangeInput: {
    readonly name?: string | null | undefined;
    readonly tenant?: string | null | undefined;
    readonly listener?: string | null | undefined;
    readonly addresses?: readonly string[] | null | undefined;
    readonly domains?: readonly string[] | null | undefined;
    readonly trunk_group?: string | null | undefined;
    readonly uri?: string | null | undefined;
    readonly numbers?:
      | {
          readonly country_code?: string | undefined;
          readonly national_prefix?: string | undefined;
          readonly international_prefix?: string | undefined;
          readonly write?: "+e164" | "e164" | "national" | "00e164" | "as-received" | undefined;
        }
      | null
      | undefined;
    readonly headers?:
      | {
          readonly pass?: readonly string[] | undefined;
          readonly set?: Readonly<Record<string, readonly string[]>> | undefined;
          readonly remove?: readonly string[] | undefined;
          readonly rules?:
            | readonly {
                readonly on: readonly ("INVITE" | "18x" | "200" | "BYE" | "refusal")[];
                readonly pass?: readonly string[] | undefined;
                readonly remove?: readonly string[] | undefined;
                readonly set?: Readonly<Record<string, readonly string[]>> | undefined;
                readonly rename?: Readonly<Record<string, string>> | undefined;
              }[]
            | undefined;
        }
      | null
      | undefined;
    readonly nat?: boolean | null | undefined;
    readonly dscp?: string | null | undefined;
    readonly media_dscp?: string | null | undefined;
    readonly codecs?: readonly string[] | null | undefined;
    readonly calls_max?: number | null | undefined;
    readonly call_duration_max_s?: number | null | undefined;
    readonly media_timeout_s?: number | null | undefined;
    readonly early_media?: "suppress" | "relay" | "new-tag" | null | undefined;
    readonly follow_redirects?: boolean | null | undefined;
    readonly privacy?: "pass" | "hide" | null | undefined;
    readonly caller_number?: string | null | undefined;
    readonly from_domain?: string | null | undefined;
    readonly probe?:
      | boolean
      | {
          readonly every_s?: number | undefined;
          readonly timeout_ms?: number | undefined;
          readonly up_after?: number | undefined;
          readonly down_after?: number | undefined;
          readonly accepted_codes?: readonly string[] | undefined;
        }
      | null
      | undefined;
    readonly title?: string | null | undefined;
    readonly provider?: string | null | undefined;
    readonly cost_per_minute?: string | null | undefined;
    readonly drain?: boolean | null | undefined;
    readonly maintenance?: boolean | null | undefined;
    readonly blocked_prefixes?: readonly string[] | null | undefined;
    readonly rewrite?:
      | {
          readonly inbound_called?: readonly { readonly match: string; readonly replace: string }[] | undefined;
          readonly inbound_caller?: readonly { readonly match: string; readonly replace: string }[] | undefined;
          readonly outbound_called?: readonly { readonly match: string; readonly replace: string }[] | undefined;
          readonly outbound_caller?: readonly { readonly match: string; readonly replace: string }[] | undefined;
        }
      | null
      | undefined;
    readonly identity?:
      | {
          readonly read?: readonly ("from" | "pai" | "rpid")[] | undefined;
          readonly send?: readonly ("from" | "pai" | "rpid")[] | undefined;
          readonly diversion?: "drop" | "pass" | "set" | undefined;
          readonly anonymous?: "pass" | "withhold" | "reveal" | undefined;
          readonly anonymous_calls?: "take" | "refuse" | undefined;
        }
      | null
      | undefined;
    readonly codecs_mode?: "filter" | "order" | null | undefined;
    readonly egress_listener?: string | null | undefined;
    readonly transfers?: boolean | null | undefined;
    readonly calls_max_inbound?: number | null | undefined;
    readonly calls_max_outbound?: number | null | undefined;
    readonly calls_per_second_inbound?: number | null | undefined;
    readonly calls_per_second_outbound?: number | null | undefined;
    readonly call_queue_ms?: number | null | undefined;
    readonly caller_numbers_allowed?: readonly string[] | null | undefined;
    readonly password?: string | null | undefined;
    readonly passwords?: readonly string[] | null | undefined;
    readonly password_env?: string | null | undefined;
    readonly password_file?: string | null | undefined;
    readonly username?: string | null | undefined;
    readonly auth_username?: string | null | undefined;
    readonly realm?: string | null | undefined;
    readonly outbound_proxy?: string | null | undefined;
    readonly digest?:
      | {
          readonly password?: string | undefined;
          readonly passwords?: readonly string[] | undefined;
          readonly password_env?: string | undefined;
          readonly password_file?: string | undefined;
          readonly username: string;
          readonly realm?: string | undefined;
          readonly algorithms?: readonly ("SHA-512-256" | "SHA-256" | "MD5")[] | undefined;
        }
      | null
      | undefined;
    readonly preset?: string | null | undefined;
    readonly tls_verify?: boolean | null | undefined;
    readonly tls_wildcards?: boolean | null | undefined;
    readonly tls_ca?: string | null | undefined;
    readonly tls_certificate?: string | null | undefined;
    readonly tls_key?: string | null | undefined;
    readonly tls_client_names?: readonly string[] | null | undefined;
    readonly next_on?: readonly number[] | null | undefined;
  };
  readonly GatewayStatus: {
    readonly name: string;
    readonly kind: "gateway" | "trunk";
    readonly tenant: string;
    readonly state: string;
    readonly reason: string;
    readonly active_calls: number;
    readonly max_concurrent_calls: number;
    readonly is_probed: boolean;
    readonly targets: readonly {
      readonly target: string;
      readonly is_up: boolean;
      readonly cause: string;
      readonly rests_until: string | null;
      readonly probe: { readonly at: string; readonly status: number; readonly rtt_ms: number; readonly detail: string } | null;
      readonly samples: number;
      readonly succeeded: number;
    }[];
    readonly history: readonly { readonly at: string; readonly target: string; readonly is_up: boolean; readonly reason: string }[];
  };
  readonly Group: {
    readonly name: string;
    readonly tenant: string;
    readonly gateways?:
      | readonly (string | { readonly gateway: string; readonly priority?: number | undefined; readonly weight?: number | undefined })[]
      | undefined;
    readonly algorithm?:
      | "weighted"
      | "round_robin"
      | "hash_caller"
      | "hash_call_id"
      | "strict_priority"
      | "least_calls"
      | "parallel"
      | undefined;
    readonly calls_max?: number | undefined;
    readonly managed_by: "api" | "apply" | "file";
  };
  readonly GroupChangeInput: {
    readonly name?: string | null | undefined;
    readonly tenant?: string | null | undefined;
    readonly gateways?:
      | readonly (string | { readonly gateway: string; readonly priority?: number | undefined; readonly weight?: number | undefined })[]
      | null
      | undefined;
    readonly algorithm?:
      | "weighted"
      | "round_robin"
      | "hash_caller"
      | "hash_call_id"
      | "strict_priority"
      | "least_calls"
      | "parallel"
      | null
      | undefined;
    readonly calls_max?: number | null | undefined;
  };
  readonly LadderMessage: {
    readonly kind: "message";
    readonly number: number;
    readonly at: string;
    readonly offset_ms: number;
    readonly from: number;
    readonly to: number;
    readonly summary: string;
    readonly status: number;
    readonly retransmission: boolean;
    readonly transport: string;
    readonly listener: string;
    readonly text: string;
  };
  readonly LadderNote: {
    readonly kind: "note";
    readonly at: string;
    readonly offset_ms: number;
    readonly type: string;
    readonly text: string;
  };
  readonly Limit: {
    readonly subject: "tenant" | "trunk" | "gateway" | "source";
    readonly name: string;
    readonly tenant: string | null;
    readonly active_calls: number;
    readonly minutes_today: number;
    readonly limits: {
      readonly calls_max: number | null;
      readonly calls_per_second: number | null;
      readonly minutes_per_day: number | null;
      readonly allowed_prefixes: readonly string[];
      readonly denied_prefixes: readonly string[];
      readonly allowed_countries: readonly string[];
      readonly denied_countries: readonly string[];
      readonly premium: "deny" | "allow";
      readonly fraud: { readonly calls: number; readonly window_s: number; readonly short_s: number; readonly lock_s: number } | boolean;
    };
    readonly is_set: boolean;
    readonly locked_until: string | null;
    readonly lock_reason: string;
  };
  readonly Listener: { readonly name: string; readonly address: string; readonly transports: readonly string[] };
  readonly NewAlertChannelInput: {
    readonly name: string;
    readonly active?: boolean | undefined;
    readonly settings:
      | { readonly kind: "webhook"; readonly url: string }
      | {
          readonly kind: "email";
          readonly host: string;
          readonly port?: number | undefined;
          readonly security?: "starttls" | "tls" | "none" | undefined;
          readonly username?: string | undefined;
          readonly password?: string | undefined;
          readonly from: string;
          readonly to: readonly string[];
        }
      | { readonly kind: "telegram"; readonly bot_token: string; readonly chat_id: string; readonly base_url?: string | undefined }
      | { readonly kind: "heartbeat"; readonly url: string };
  };
  readonly NewDidInput: {
    readonly number: string;
    readonly tenant?: string | undefined;
    readonly trunks?: readonly string[] | undefined;
    readonly when?:
      | readonly {
          readonly days?: readonly string[] | undefined;
          readonly from?: string | undefined;
          readonly to?: string | undefined;
          readonly timezone?: string | undefined;
        }[]
      | undefined;
    readonly callers?: readonly string[] | undefined;
    readonly blocked_callers?: readonly string[] | undefined;
    readonly to: readonly (
      | string
      | {
          readonly group?: string | undefined;
          readonly gateway?: string | undefined;
          readonly trunk?: string | undefined;
          readonly reject?: number | undefined;
          readonly reason?: string | undefined;
          readonly tone?: "busy" | "congestion" | "special-information" | "ringback" | undefined;
          readonly when?:
            | readonly {
                readonly days?: readonly string[] | undefined;
                readonly from?: string | undefined;
                readonly to?: string | undefined;
                readonly timezone?: string | undefined;
              }[]
            | undefined;
          readonly callers?: readonly string[] | undefined;
        }
    )[];
    readonly hunt?:
      | {
          readonly try_timeout_ms?: number | undefined;
          readonly progress_timeout_ms?: number | undefined;
          readonly ring_timeout_ms?: number | undefined;
          readonly setup_budget_ms?: number | undefined;
        }
      | undefined;
  };
  readonly NewGatewayInput: {
    readonly name: string;
    readonly tenant?: string | undefined;
    readonly listener?: string | undefined;
    readonly addresses?: readonly string[] | undefined;
    readonly domains?: readonly string[] | undefined;
    readonly trunk_group?: string | undefined;
    readonly uri?: string | undefined;
    readonly numbers?:
      | {
          readonly country_code?: string | undefined;
          readonly national_prefix?: string | undefined;
          readonly international_prefix?: string | undefined;
          readonly write?: "+e164" | "e164" | "national" | "00e164" | "as-received" | undefined;
        }
      | undefined;
    readonly headers?:
      | {
          readonly pass?: readonly string[] | undefined;
          readonly set?: Readonly<Record<string, readonly string[]>> | undefined;
          readonly remove?: readonly string[] | undefined;
          readonly rules?:
            | readonly {
                readonly on: readonly ("INVITE" | "18x" | "200" | "BYE" | "refusal")[];
                readonly pass?: readonly string[] | undefined;
                readonly remove?: readonly string[] | undefined;
                readonly set?: Readonly<Record<string, readonly string[]>> | undefined;
                readonly rename?: Readonly<Record<string, string>> | undefined;
              }[]
            | undefined;
        }
      | undefined;
    readonly nat?: boolean | undefined;
    readonly dscp?: string | undefined;
    readonly media_dscp?: string | undefined;
    readonly codecs?: readonly string[] | undefined;
    readonly calls_max?: number | undefined;
    readonly call_duration_max_s?: number | undefined;
    readonly media_timeout_s?: number | undefined;
    readonly early_media?: "suppress" | "relay" | "new-tag" | undefined;
    readonly follow_redirects?: boolean | undefined;
    readonly privacy?: "pass" | "hide" | undefined;
    readonly caller_number?: string | undefined;
    readonly from_domain?: string | undefined;
    readonly probe?:
      | boolean
      | {
          readonly every_s?: number | undefined;
          readonly timeout_ms?: number | undefined;
          readonly up_after?: number | undefined;
          readonly down_after?: number | undefined;
          readonly accepted_codes?: readonly string[] | undefined;
        }
      | undefined;
    readonly title?: string | undefined;
    readonly provider?: string | undefined;
    readonly cost_per_minute?: string | undefined;
    readonly drain?: boolean | undefined;
    readonly maintenance?: boolean | undefined;
    readonly blocked_prefixes?: readonly string[] | undefined;
    readonly rewrite?:
      | {
          readonly inbound_called?: readonly { readonly match: string; readonly replace: string }[] | undefined;
          readonly inbound_caller?: readonly { readonly match: string; readonly replace: string }[] | undefined;
          readonly outbound_called?: readonly { readonly match: string; readonly replace: string }[] | undefined;
          readonly outbound_caller?: readonly { readonly match: string; readonly replace: string }[] | undefined;
        }
      | undefined;
    readonly identity?:
      | {
          readonly read?: readonly ("from" | "pai" | "rpid")[] | undefined;
          readonly send?: readonly ("from" | "pai" | "rpid")[] | undefined;
          readonly diversion?: "drop" | "pass" | "set" | undefined;
          readonly anonymous?: "pass" | "withhold" | "reveal" | undefined;
          readonly anonymous_calls?: "take" | "refuse" | undefined;
        }
      | undefined;
    readonly codecs_mode?: "filter" | "order" | undefined;
    readonly egress_listener?: string | undefined;
    readonly transfers?: boolean | undefined;
    readonly calls_max_inbound?: number | undefined;
    readonly calls_max_outbound?: number | undefined;
    readonly calls_per_second_inbound?: number | undefined;
    readonly calls_per_second_outbound?: number | undefined;
    readonly call_queue_ms?: number | undefined;
    readonly caller_numbers_allowed?: readonly string[] | undefined;
    readonly password?: string | undefined;
    readonly passwords?: readonly string[] | undefined;
    readonly password_env?: string | undefined;
    readonly password_file?: string | undefined;
    readonly username?: string | undefined;
    readonly auth_username?: string | undefined;
    readonly realm?: string | undefined;
    readonly outbound_proxy?: string | undefined;
    readonly digest?:
      | {
          readonly password?: string | undefined;
          readonly passwords?: readonly string[] | undefined;
          readonly password_env?: string | undefined;
          readonly password_file?: string | undefined;
          readonly username: string;
          readonly realm?: string | undefined;
          readonly algorithms?: readonly ("SHA-512-256" | "SHA-256" | "MD5")[] | undefined;
        }
      | undefined;
    readonly preset?: string | undefined;
    readonly tls_verify?: boolean | undefined;
    readonly tls_wildcards?: boolean | undefined;
    readonly tls_ca?: string | undefined;
    readonly tls_certificate?: string | undefined;
    readonly tls_key?: string | undefined;
    readonly tls_client_names?: readonly string[] | undefined;
    readonly next_on?: readonly number[] | undefined;
  };
  readonly NewGroupInput: {
    readonly name: string;
    readonly tenant?: string | undefined;
    readonly gateways: readonly (
      | string
      | { readonly gateway: string; readonly priority?: number | undefined; readonly weight?: number | undefined }
    )[];
    readonly algorithm?:
      | "weighted"
      | "round_robin"
      | "hash_caller"
      | "hash_call_id"
      | "strict_priority"
      | "least_calls"
      | "parallel"
      | undefined;
    readonly calls_max?: number | undefined;
  };
  readonly NewOutboundRuleInput: {
    readonly name: string;
    readonly tenant?: string | undefined;
    readonly prefix?: string | undefined;
    readonly from?: readonly string[] | undefined;
    readonly when?:
      | readonly {
          readonly days?: readonly string[] | undefined;
          readonly from?: string | undefined;
          readonly to?: string | undefined;
          readonly timezone?: string | undefined;
        }[]
      | undefined;
    readonly callers?: readonly string[] | undefined;
    readonly blocked_prefixes?: readonly string[] | undefined;
    readonly to: readonly (
      | string
      | {
          readonly group?: string | undefined;
          readonly gateway?: string | undefined;
          readonly trunk?: string | undefined;
          readonly reject?: number | undefined;
          readonly reason?: string | undefined;
          readonly tone?: "busy" | "congestion" | "special-information" | "ringback" | undefined;
          readonly when?:
            | readonly {
                readonly days?: readonly string[] | undefined;
                readonly from?: string | undefined;
                readonly to?: string | undefined;
                readonly timezone?: string | undefined;
              }[]
            | undefined;
          readonly callers?: readonly string[] | undefined;
        }
    )[];
    readonly hunt?:
      | {
          readonly try_timeout_ms?: number | undefined;
          readonly progress_timeout_ms?: number | undefined;
          readonly ring_timeout_ms?: number | undefined;
          readonly setup_budget_ms?: number | undefined;
        }
      | undefined;
  };
  readonly NewTrunkInput: {
    readonly trunk_id: string;
    readonly proxy_address: string;
    readonly name?: string | undefined;
    readonly provider?: string | undefined;
    readonly cost_per_minute?: number | null | undefined;
    readonly proxy_port?: number | null | undefined;
    readonly username?: string | null | undefined;
    readonly password?: string | null | undefined;
    readonly realm?: string | null | undefined;
    readonly supports_outbound?: boolean | undefined;
    readonly supports_inbound?: boolean | undefined;
    readonly transport?: "UDP" | "TCP" | "TLS" | undefined;
    readonly preferred_codecs?: readonly string[] | undefined;
    readonly max_concurrent_calls?: number | undefined;
    readonly calls_per_second_limit?: number | null | undefined;
    readonly allowed_ips?: readonly string[] | undefined;
    readonly auth_method?: "digest" | "ip" | undefined;
    readonly backup_trunks?: readonly string[] | undefined;
    readonly register?: boolean | undefined;
    readonly listener?: string | null | undefined;
    readonly tenant?: string | undefined;
  };
  readonly NewWebhookInput: {
    readonly url: string;
    readonly events?:
      | readonly (
          | "call.started"
          | "call.ringing"
          | "call.answered"
          | "call.transferred"
          | "call.ended"
          | "trunk.registered"
          | "trunk.unregistered"
          | "gateway.up"
          | "gateway.down"
          | "alert.raised"
          | "alert.cleared"
          | "call"
          | "trunk"
          | "gateway"
          | "alert"
        )[]
      | undefined;
    readonly active?: boolean | undefined;
    readonly tenant?: string | undefined;
  };
  readonly OutboundRule: {
    readonly name: string;
    readonly tenant: string;
    readonly prefix?: string | undefined;
    readonly from?: readonly string[] | undefined;
    readonly when?:
      | readonly {
          readonly days?: readonly string[] | undefined;
          readonly from?: string | undefined;
          readonly to?: string | undefined;
          readonly timezone?: string | undefined;
        }[]
      | undefined;
    readonly callers?: readonly string[] | undefined;
    readonly blocked_prefixes?: readonly string[] | undefined;
    readonly to?:
      | readonly (
          | string
          | {
              readonly group?: string | undefined;
              readonly gateway?: string | undefined;
              readonly trunk?: string | undefined;
              readonly reject?: number | undefined;
              readonly reason?: string | undefined;
              readonly tone?: "busy" | "congestion" | "special-information" | "ringback" | undefined;
              readonly when?:
                | readonly {
                    readonly days?: readonly string[] | undefined;
                    readonly from?: string | undefined;
                    readonly to?: string | undefined;
                    readonly timezone?: string | undefined;
                  }[]
                | undefined;
              readonly callers?: readonly string[] | undefined;
            }
        )[]
      | undefined;
    readonly hunt?:
      | {
          readonly try_timeout_ms?: number | undefined;
          readonly progress_timeout_ms?: number | undefined;
          readonly ring_timeout_ms?: number | undefined;
          readonly setup_budget_ms?: number | undefined;
        }
      | undefined;
    readonly managed_by: "api" | "apply" | "file";
  };
  readonly OutboundRuleChangeInput: {
    readonly name?: string | null | undefined;
    readonly tenant?: string | null | undefined;
    readonly prefix?: string | null | undefined;
    readonly from?: readonly string[] | null | undefined;
    readonly when?:
      | readonly {
          readonly days?: readonly string[] | undefined;
          readonly from?: string | undefined;
          readonly to?: string | undefined;
          readonly timezone?: string | undefined;
        }[]
      | null
      | undefined;
    readonly callers?: readonly string[] | null | undefined;
    readonly blocked_prefixes?: readonly string[] | null | undefined;
    readonly to?:
      | readonly (
          | string
          | {
              readonly group?: string | undefined;
              readonly gateway?: string | undefined;
              readonly trunk?: string | undefined;
              readonly reject?: number | undefined;
              readonly reason?: string | undefined;
              readonly tone?: "busy" | "congestion" | "special-information" | "ringback" | undefined;
              readonly when?:
                | readonly {
                    readonly days?: readonly string[] | undefined;
                    readonly from?: string | undefined;
                    readonly to?: string | undefined;
                    readonly timezone?: string | undefined;
                  }[]
                | undefined;
              readonly callers?: readonly string[] | undefined;
            }
        )[]
      | null
      | undefined;
    readonly hunt?:
      | {
          readonly try_timeout_ms?: number | undefined;
          readonly progress_timeout_ms?: number | undefined;
          readonly ring_timeout_ms?: number | undefined;
          readonly setup_budget_ms?: number | undefined;
        }
      | null
      | undefined;
  };
  readonly Refusal: {
    readonly address: string;
    readonly listener: string;
    readonly reason: string;
    readonly count: number;
    readonly last_at: string;
  };
  readonly RouteDecision: {
    readonly outcome: "dial" | "reject";
    readonly from_peer: string;
    readonly identified_by: string;
    readonly tenant: string;
    readonly route: string;
    readonly from_number: string;
    readonly to_number: string;
    readonly sip_status: number;
    readonly reason: string;
    readonly attempts: readonly {
      readonly peer: string;
      readonly kind: "trunk" | "gateway";
      readonly listener: string;
      readonly request_uri: string;
      readonly from_number: string;
      readonly when: string;
    }[];
    readonly skipped: readonly { readonly peer: string; readonly reason: string }[];
  };
  readonly Tenant: {
    readonly name: string;
    readonly title: string;
    readonly declared: boolean;
    readonly created_at: string | null;
    readonly resources: number;
    readonly users: number;
    readonly keys: number;
  };
  readonly Tokens: {
    readonly access_token: string;
    readonly token_type: "Bearer";
    readonly expires_in: number;
    readonly refresh_token: string;
  };
  readonly Trunk: {
    readonly trunk_id: string;
    readonly tenant: string;
    readonly name: string;
    readonly provider: string;
    readonly cost_per_minute: number | null;
    readonly proxy_address: string | null;
    readonly proxy_port: number | null;
    readonly username: string | null;
    readonly realm: string | null;
    readonly supports_outbound: boolean;
    readonly supports_inbound: boolean;
    readonly transport: "UDP" | "TCP" | "TLS";
    readonly preferred_codecs: readonly string[];
    readonly max_concurrent_calls: number | null;
    readonly calls_per_second_limit: number | null;
    readonly allowed_ips: readonly string[];
    readonly auth_method: "digest" | "ip";
    readonly backup_trunks: readonly string[];
    readonly register: boolean;
    readonly listener: string | null;
    readonly has_password: boolean;
    readonly is_active: boolean;
    readonly managed_by: "api" | "apply" | "file";
  };
  readonly TrunkChangeInput: {
    readonly name?: string | undefined;
    readonly provider?: string | undefined;
    readonly cost_per_minute?: number | null | undefined;
    readonly proxy_address?: string | undefined;
    readonly proxy_port?: number | null | undefined;
    readonly username?: string | null | undefined;
    readonly password?: string | null | undefined;
    readonly realm?: string | null | undefined;
    readonly supports_outbound?: boolean | undefined;
    readonly supports_inbound?: boolean | undefined;
    readonly transport?: "UDP" | "TCP" | "TLS" | undefined;
    readonly preferred_codecs?: readonly string[] | undefined;
    readonly max_concurrent_calls?: number | undefined;
    readonly calls_per_second_limit?: number | null | undefined;
    readonly allowed_ips?: readonly string[] | undefined;
    readonly auth_method?: "digest" | "ip" | undefined;
    readonly backup_trunks?: readonly string[] | undefined;
    readonly register?: boolean | undefined;
    readonly listener?: string | null | undefined;
    readonly trunk_id?: string | undefined;
  };
  readonly TrunkEntry: {
    readonly name: string;
    readonly tenant: string;
    readonly listener?: string | undefined;
    readonly addresses?: readonly string[] | undefined;
    readonly domains?: readonly string[] | undefined;
    readonly trunk_group?: string | undefined;
    readonly uri?: string | undefined;
    readonly numbers?:
      | {
          readonly country_code?: string | undefined;
          readonly national_prefix?: string | undefined;
          readonly international_prefix?: string | undefined;
          readonly write?: "+e164" | "e164" | "national" | "00e164" | "as-received" | undefined;
        }
      | undefined;
    readonly headers?:
      | {
          readonly pass?: readonly string[] | undefined;
          readonly set?: Readonly<Record<string, readonly string[]>> | undefined;
          readonly remove?: readonly string[] | undefined;
          readonly rules?:
            | readonly {
                readonly on: readonly ("INVITE" | "18x" | "200" | "BYE" | "refusal")[];
                readonly pass?: readonly string[] | undefined;
                readonly remove?: readonly string[] | undefined;
                readonly set?: Readonly<Record<string, readonly string[]>> | undefined;
                readonly rename?: Readonly<Record<string, string>> | undefined;
              }[]
            | undefined;
        }
      | undefined;
    readonly nat?: boolean | undefined;
    readonly dscp?: string | undefined;
    readonly media_dscp?: string | undefined;
    readonly codecs?: readonly string[] | undefined;
    readonly calls_max?: number | undefined;
    readonly call_duration_max_s?: number | undefined;
    readonly media_timeout_s?: number | undefined;
    readonly early_media?: "suppress" | "relay" | "new-tag" | undefined;
    readonly follow_redirects?: boolean | undefined;
    readonly privacy?: "pass" | "hide" | undefined;
    readonly caller_number?: string | undefined;
    readonly from_domain?: string | undefined;
    readonly probe?:
      | boolean
      | {
          readonly every_s?: number | undefined;
          readonly timeout_ms?: number | undefined;
          readonly up_after?: number | undefined;
          readonly down_after?: number | undefined;
          readonly accepted_codes?: readonly string[] | undefined;
        }
      | undefined;
    readonly title?: string | undefined;
    readonly provider?: string | undefined;
    readonly cost_per_minute?: string | undefined;
    readonly drain?: boolean | undefined;
    readonly maintenance?: boolean | undefined;
    readonly blocked_prefixes?: readonly string[] | undefined;
    readonly rewrite?:
      | {
          readonly inbound_called?: readonly { readonly match: string; readonly replace: string }[] | undefined;
          readonly inbound_caller?: readonly { readonly match: string; readonly replace: string }[] | undefined;
          readonly outbound_called?: readonly { readonly match: string; readonly replace: string }[] | undefined;
          readonly outbound_caller?: readonly { readonly match: string; readonly replace: string }[] | undefined;
        }
      | undefined;
    readonly identity?:
      | {
          readonly read?: readonly ("from" | "pai" | "rpid")[] | undefined;
          readonly send?: readonly ("from" | "pai" | "rpid")[] | undefined;
          readonly diversion?: "drop" | "pass" | "set" | undefined;
          readonly anonymous?: "pass" | "withhold" | "reveal" | undefined;
          readonly anonymous_calls?: "take" | "refuse" | undefined;
        }
      | undefined;
    readonly codecs_mode?: "filter" | "order" | undefined;
    readonly egress_listener?: string | undefined;
    readonly transfers?: boolean | undefined;
    readonly calls_max_inbound?: number | undefined;
    readonly calls_max_outbound?: number | undefined;
    readonly calls_per_second_inbound?: number | undefined;
    readonly calls_per_second_outbound?: number | undefined;
    readonly call_queue_ms?: number | undefined;
    readonly caller_numbers_allowed?: readonly string[] | undefined;
    readonly password?: string | undefined;
    readonly passwords?: readonly string[] | undefined;
    readonly password_env?: string | undefined;
    readonly password_file?: string | undefined;
    readonly username?: string | undefined;
    readonly auth_username?: string | undefined;
    readonly realm?: string | undefined;
    readonly outbound_proxy?: string | undefined;
    readonly digest?:
      | {
          readonly password?: string | undefined;
          readonly passwords?: readonly string[] | undefined;
          readonly password_env?: string | undefined;
          readonly password_file?: string | undefined;
          readonly username: string;
          readonly realm?: string | undefined;
          readonly algorithms?: readonly ("SHA-512-256" | "SHA-256" | "MD5")[] | undefined;
        }
      | undefined;
    readonly preset?: string | undefined;
    readonly tls_verify?: boolean | undefined;
    readonly tls_wildcards?: boolean | undefined;
    readonly tls_ca?: string | undefined;
    readonly tls_certificate?: string | undefined;
    readonly tls_key?: string | undefined;
    readonly tls_client_names?: readonly string[] | undefined;
    readonly backup_trunks?: readonly string[] | undefined;
    readonly backup_on?: readonly string[] | undefined;
    readonly register?:
      | boolean
      | {
          readonly registrar?: string | undefined;
          readonly outbound_proxy?: string | undefined;
          readonly user?: string | undefined;
          readonly auth_username?: string | undefined;
          readonly realm?: string | undefined;
          readonly from_domain?: string | undefined;
          readonly contact_params?: readonly string[] | undefined;
          readonly expires_s?: number | undefined;
          readonly listener?: string | undefined;
        }
      | undefined;
    readonly managed_by: "api" | "apply" | "file";
  };
  readonly TrunkEntryChangeInput: {
    readonly name?: string | null | undefined;
    readonly tenant?: string | null | undefined;
    readonly listener?: string | null | undefined;
    readonly addresses?: readonly string[] | null | undefined;
    readonly domains?: readonly string[] | null | undefined;
    readonly trunk_group?: string | null | undefined;
    readonly uri?: string | null | undefined;
    readonly numbers?:
      | {
          readonly country_code?: string | undefined;
          readonly national_prefix?: string | undefined;
          readonly international_prefix?: string | undefined;
          readonly write?: "+e164" | "e164" | "national" | "00e164" | "as-received" | undefined;
        }
      | null
      | undefined;
    readonly headers?:
      | {
          readonly pass?: readonly string[] | undefined;
          readonly set?: Readonly<Record<string, readonly string[]>> | undefined;
          readonly remove?: readonly string[] | undefined;
          readonly rules?:
            | readonly {
                readonly on: readonly ("INVITE" | "18x" | "200" | "BYE" | "refusal")[];
                readonly pass?: readonly string[] | undefined;
                readonly remove?: readonly string[] | undefined;
                readonly set?: Readonly<Record<string, readonly string[]>> | undefined;
                readonly rename?: Readonly<Record<string, string>> | undefined;
              }[]
            | undefined;
        }
      | null
      | undefined;
    readonly nat?: boolean | null | undefined;
    readonly dscp?: string | null | undefined;
    readonly media_dscp?: string | null | undefined;
    readonly codecs?: readonly string[] | null | undefined;
    readonly calls_max?: number | null | undefined;
    readonly call_duration_max_s?: number | null | undefined;
    readonly media_timeout_s?: number | null | undefined;
    readonly early_media?: "suppress" | "relay" | "new-tag" | null | undefined;
    readonly follow_redirects?: boolean | null | undefined;
    readonly privacy?: "pass" | "hide" | null | undefined;
    readonly caller_number?: string | null | undefined;
    readonly from_domain?: string | null | undefined;
    readonly probe?:
      | boolean
      | {
          readonly every_s?: number | undefined;
          readonly timeout_ms?: number | undefined;
          readonly up_after?: number | undefined;
          readonly down_after?: number | undefined;
          readonly accepted_codes?: readonly string[] | undefined;
        }
      | null
      | undefined;
    readonly title?: string | null | undefined;
    readonly provider?: string | null | undefined;
    readonly cost_per_minute?: string | null | undefined;
    readonly drain?: boolean | null | undefined;
    readonly maintenance?: boolean | null | undefined;
    readonly blocked_prefixes?: readonly string[] | null | undefined;
    readonly rewrite?:
      | {
          readonly inbound_called?: readonly { readonly match: string; readonly replace: string }[] | undefined;
          readonly inbound_caller?: readonly { readonly match: string; readonly replace: string }[] | undefined;
          readonly outbound_called?: readonly { readonly match: string; readonly replace: string }[] | undefined;
          readonly outbound_caller?: readonly { readonly match: string; readonly replace: string }[] | undefined;
        }
      | null
      | undefined;
    readonly identity?:
      | {
          readonly read?: readonly ("from" | "pai" | "rpid")[] | undefined;
          readonly send?: readonly ("from" | "pai" | "rpid")[] | undefined;
          readonly diversion?: "drop" | "pass" | "set" | undefined;
          readonly anonymous?: "pass" | "withhold" | "reveal" | undefined;
          readonly anonymous_calls?: "take" | "refuse" | undefined;
        }
      | null
      | undefined;
    readonly codecs_mode?: "filter" | "order" | null | undefined;
    readonly egress_listener?: string | null | undefined;
    readonly transfers?: boolean | null | undefined;
    readonly calls_max_inbound?: number | null | undefined;
    readonly calls_max_outbound?: number | null | undefined;
    readonly calls_per_second_inbound?: number | null | undefined;
    readonly calls_per_second_outbound?: number | null | undefined;
    readonly call_queue_ms?: number | null | undefined;
    readonly caller_numbers_allowed?: readonly string[] | null | undefined;
    readonly password?: string | null | undefined;
    readonly passwords?: readonly string[] | null | undefined;
    readonly password_env?: string | null | undefined;
    readonly password_file?: string | null | undefined;
    readonly username?: string | null | undefined;
    readonly auth_username?: string | null | undefined;
    readonly realm?: string | null | undefined;
    readonly outbound_proxy?: string | null | undefined;
    readonly digest?:
      | {
          readonly password?: string | undefined;
          readonly passwords?: readonly string[] | undefined;
          readonly password_env?: string | undefined;
          readonly password_file?: string | undefined;
          readonly username: string;
          readonly realm?: string | undefined;
          readonly algorithms?: readonly ("SHA-512-256" | "SHA-256" | "MD5")[] | undefined;
        }
      | null
      | undefined;
    readonly preset?: string | null | undefined;
    readonly tls_verify?: boolean | null | undefined;
    readonly tls_wildcards?: boolean | null | undefined;
    readonly tls_ca?: string | null | undefined;
    readonly tls_certificate?: string | null | undefined;
    readonly tls_key?: string | null | undefined;
    readonly tls_client_names?: readonly string[] | null | undefined;
    readonly backup_trunks?: readonly string[] | null | undefined;
    readonly backup_on?: readonly string[] | null | undefined;
    readonly register?:
      | boolean
      | {
          readonly registrar?: string | undefined;
          readonly outbound_proxy?: string | undefined;
          readonly user?: string | undefined;
          readonly auth_username?: string | undefined;
          readonly realm?: string | undefined;
          readonly from_domain?: string | undefined;
          readonly contact_params?: readonly string[] | undefined;
          readonly expires_s?: number | undefined;
          readonly listener?: string | undefined;
        }
      | null
      | undefined;
  };
  readonly TrunkStatus: {
    readonly trunk_id: string;
    readonly provider: string;
    readonly is_active: boolean;
    readonly state: "up" | "unknown" | "down" | "resting" | "draining" | "maintenance" | "inbound_only";
    readonly reason: string;
    readonly active_calls: number;
    readonly max_concurrent_calls: number;
    readonly registration: {
      readonly status: "registered" | "registering" | "failed" | "unregistered";
      readonly since: string;
      readonly next_at: string | null;
      readonly reason: string;
      readonly failures: number;
    } | null;
    readonly targets: readonly {
      readonly target: string;
      readonly is_up: boolean;
      readonly cause: string;
      readonly probe_status: number | null;
      readonly probe_rtt_ms: number | null;
    }[];
    readonly last_errors: readonly { readonly at: string; readonly target: string; readonly reason: string }[];
    readonly calls: {
      readonly total: number;
      readonly successful: number;
      readonly failed: number;
      readonly success_rate: number | null;
      readonly duration_seconds: number;
    };
  };
  readonly TrunkSummary: {
    readonly since: string;
    readonly trunks: {
      readonly total: number;
      readonly active: number;
      readonly up: number;
      readonly registered: number;
      readonly registration_failed: number;
    };
    readonly active_calls: number;
    readonly calls: {
      readonly total: number;
      readonly successful: number;
      readonly failed: number;
      readonly success_rate: number | null;
      readonly duration_seconds: number;
    };
    readonly by_trunk: readonly {
      readonly total: number;
      readonly successful: number;
      readonly failed: number;
      readonly success_rate: number | null;
      readonly duration_seconds: number;
      readonly trunk_id: string;
      readonly provider: string;
      readonly active_calls: number;
    }[];
  };
  readonly User: {
    readonly name: string;
    readonly tenant: string;
    readonly role: string;
    readonly disabled: boolean;
    readonly created_at: string;
  };
  readonly Webhook: {
    readonly webhook_id: string;
    readonly tenant: string;
    readonly url: string;
    readonly events: readonly string[];
    readonly active: boolean;
    readonly created_at: string;
    readonly pending: number;
    readonly dead: number;
  };
  readonly WebhookChangeInput: {
    readonly url?: string | undefined;
    readonly events?:
      | readonly (
          | "call.started"
          | "call.ringing"
          | "call.answered"
          | "call.transferred"
          | "call.ended"
          | "trunk.registered"
          | "trunk.unregistered"
          | "gateway.up"
          | "gateway.down"
          | "alert.raised"
          | "alert.cleared"
          | "call"
          | "trunk"
          | "gateway"
          | "alert"
        )[]
      | undefined;
    readonly active?: boolean | undefined;
  };
  readonly WebhookDelivery: {
    readonly delivery_id: string;
    readonly event_id: string;
    readonly event: string;
    readonly call_id: string | null;
    readonly url: string;
    readonly state: "pending" | "delivered" | "dead";
    readonly attempts: number;
    readonly created_at: string;
    readonly next_attempt_at: string | null;
    readonly ended_at: string | null;
    readonly status: number | null;
    readonly problem: string;
    readonly body: string;
  };
  readonly WebhookWithSecret: {
    readonly webhook_id: string;
    readonly tenant: string;
    readonly url: string;
    readonly events: readonly string[];
    readonly active: boolean;
    readonly created_at: string;
    readonly pending: number;
    readonly dead: number;
    readonly secret: string;
  };
}

export interface Operations {
  readonly activateTrunk: {
    readonly path: { readonly trunk_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["Trunk"];
  };
  readonly apply: {
    readonly path: object;
    readonly query: object;
    readonly body: Schemas["ApplyWishInput"];
    readonly answer: Schemas["ApplyOutcome"];
  };
  readonly callStatistics: {
    readonly path: object;
    readonly query: {
      readonly by?: "trunk" | "gateway" | "hour" | undefined;
      readonly from?: string | undefined;
      readonly to?: string | undefined;
      readonly tenant?: string | undefined;
    };
    readonly body: undefined;
    readonly answer: {
      readonly by: string;
      readonly from: string;
      readonly to: string;
      readonly items: readonly Schemas["CallStatistic"][];
    };
  };
  readonly callWebhookSecret: {
    readonly path: object;
    readonly query: { readonly tenant?: string | undefined };
    readonly body: undefined;
    readonly answer: { readonly tenant: string; readonly secret: string };
  };
  readonly changeAlertChannel: {
    readonly path: { readonly channel_id: string };
    readonly query: object;
    readonly body: {
      readonly name?: string | undefined;
      readonly active?: boolean | undefined;
      readonly settings?: Readonly<Record<string, unknown>> | undefined;
    };
    readonly answer: Schemas["AlertChannel"];
  };
  readonly changeAlertRule: {
    readonly path: { readonly rule: string };
    readonly query: object;
    readonly body: Schemas["AlertRuleChangeInput"];
    readonly answer: Schemas["AlertRule"];
  };
  readonly changeDids: {
    readonly path: object;
    readonly query: object;
    readonly body: {
      readonly items?: readonly Schemas["BulkDidInput"][] | undefined;
      readonly delete?: readonly string[] | undefined;
      readonly on_existing?: "fail" | "replace" | undefined;
      readonly tenant?: string | undefined;
    };
    readonly answer: Schemas["BulkResult"];
  };
  readonly changePassword: {
    readonly path: object;
    readonly query: object;
    readonly body: { readonly password: string; readonly new_password: string };
    readonly answer: Schemas["Tokens"];
  };
  readonly changeWebhook: {
    readonly path: { readonly webhook_id: string };
    readonly query: object;
    readonly body: Schemas["WebhookChangeInput"];
    readonly answer: Schemas["Webhook"];
  };
  readonly createAlertChannel: {
    readonly path: object;
    readonly query: object;
    readonly body: Schemas["NewAlertChannelInput"];
    readonly answer: Schemas["AlertChannel"];
  };
  readonly createDid: {
    readonly path: object;
    readonly query: object;
    readonly body: Schemas["NewDidInput"];
    readonly answer: Schemas["Did"];
  };
  readonly createGateway: {
    readonly path: object;
    readonly query: object;
    readonly body: Schemas["NewGatewayInput"];
    readonly answer: Schemas["Gateway"];
  };
  readonly createGroup: {
    readonly path: object;
    readonly query: object;
    readonly body: Schemas["NewGroupInput"];
    readonly answer: Schemas["Group"];
  };
  readonly createKey: {
    readonly path: object;
    readonly query: object;
    readonly body: {
      readonly name: string;
      readonly scopes: readonly (
        | "trunks:read"
        | "trunks:write"
        | "resources:read"
        | "resources:write"
        | "calls:read"
        | "calls:write"
        | "metrics:read"
        | "webhooks:read"
        | "webhooks:write"
        | "alerts:read"
        | "alerts:write"
        | "access:write"
        | "audit:read"
      )[];
      readonly tenant?: string | undefined;
    };
    readonly answer: {
      readonly key_id: string;
      readonly name: string;
      readonly tenant: string;
      readonly scopes: readonly string[];
      readonly disabled: boolean;
      readonly created_by: string;
      readonly created_at: string;
      readonly key: string;
    };
  };
  readonly createOutboundRule: {
    readonly path: object;
    readonly query: object;
    readonly body: Schemas["NewOutboundRuleInput"];
    readonly answer: Schemas["OutboundRule"];
  };
  readonly createTenant: {
    readonly path: object;
    readonly query: object;
    readonly body: { readonly name: string; readonly title?: string | undefined };
    readonly answer: Schemas["Tenant"];
  };
  readonly createTrunk: {
    readonly path: object;
    readonly query: object;
    readonly body: Schemas["NewTrunkInput"];
    readonly answer: Schemas["Trunk"];
  };
  readonly createUser: {
    readonly path: object;
    readonly query: object;
    readonly body: {
      readonly name: string;
      readonly password: string;
      readonly role: "owner" | "operator" | "viewer";
      readonly tenant?: string | undefined;
    };
    readonly answer: Schemas["User"];
  };
  readonly createWebhook: {
    readonly path: object;
    readonly query: object;
    readonly body: Schemas["NewWebhookInput"];
    readonly answer: Schemas["WebhookWithSecret"];
  };
  readonly deactivateTrunk: {
    readonly path: { readonly trunk_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["Trunk"];
  };
  readonly deleteAlertChannel: {
    readonly path: { readonly channel_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: null;
  };
  readonly deleteDid: {
    readonly path: { readonly number: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: null;
  };
  readonly deleteGateway: {
    readonly path: { readonly name: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: null;
  };
  readonly deleteGroup: {
    readonly path: { readonly name: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: null;
  };
  readonly deleteKey: {
    readonly path: { readonly key_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: null;
  };
  readonly deleteOutboundRule: {
    readonly path: { readonly name: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: null;
  };
  readonly deleteTenant: {
    readonly path: { readonly tenant: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: null;
  };
  readonly deleteTrunk: {
    readonly path: { readonly trunk_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: null;
  };
  readonly deleteUser: {
    readonly path: { readonly name: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: null;
  };
  readonly deleteWebhook: {
    readonly path: { readonly webhook_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: null;
  };
  readonly events: {
    readonly path: object;
    readonly query: { readonly types?: string | undefined; readonly call_id?: string | undefined };
    readonly body: undefined;
    readonly answer: string;
  };
  readonly export: {
    readonly path: object;
    readonly query: { readonly tenant?: string | undefined };
    readonly body: undefined;
    readonly answer: string;
  };
  readonly exportCallRecords: {
    readonly path: object;
    readonly query: {
      readonly provider?: string | undefined;
      readonly trunk?: string | undefined;
      readonly number?: string | undefined;
      readonly outcome?: string | undefined;
      readonly from?: string | undefined;
      readonly to?: string | undefined;
      readonly tenant?: string | undefined;
      readonly limit?: number | undefined;
    };
    readonly body: undefined;
    readonly answer: string;
  };
  readonly exportDids: {
    readonly path: object;
    readonly query: { readonly tenant?: string | undefined; readonly q?: string | undefined };
    readonly body: undefined;
    readonly answer: string;
  };
  readonly getCall: {
    readonly path: { readonly call_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: {
      readonly active: Schemas["ActiveCall"] | null;
      readonly record: Schemas["CallRecord"] | null;
      readonly attempts: readonly Schemas["CallAttempt"][];
      readonly quality: readonly Schemas["CallQuality"][];
      readonly findings: readonly Schemas["CallFinding"][];
    };
  };
  readonly getCallLadder: {
    readonly path: { readonly call_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: {
      readonly call_id: string;
      readonly is_active: boolean;
      readonly parties: readonly { readonly name: string; readonly is_us: boolean }[];
      readonly entries: readonly (Schemas["LadderMessage"] | Schemas["LadderNote"])[];
    };
  };
  readonly getDid: {
    readonly path: { readonly number: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["Did"];
  };
  readonly getGateway: {
    readonly path: { readonly name: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["Gateway"];
  };
  readonly getGatewayStatus: {
    readonly path: { readonly name: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["GatewayStatus"];
  };
  readonly getGroup: {
    readonly path: { readonly name: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["Group"];
  };
  readonly getOutboundRule: {
    readonly path: { readonly name: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["OutboundRule"];
  };
  readonly getTenant: {
    readonly path: { readonly tenant: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["Tenant"];
  };
  readonly getTrunk: {
    readonly path: { readonly trunk_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["Trunk"];
  };
  readonly getTrunkEntry: {
    readonly path: { readonly trunk_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["TrunkEntry"];
  };
  readonly getTrunkStatus: {
    readonly path: { readonly trunk_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["TrunkStatus"];
  };
  readonly getTrunkSummary: {
    readonly path: object;
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["TrunkSummary"];
  };
  readonly getUser: {
    readonly path: { readonly name: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["User"];
  };
  readonly getWebhook: {
    readonly path: { readonly webhook_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["Webhook"];
  };
  readonly hangUpCall: {
    readonly path: { readonly call_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: null;
  };
  readonly health: {
    readonly path: object;
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly status: "ok"; readonly version: string };
  };
  readonly importDids: {
    readonly path: object;
    readonly query: { readonly on_existing?: "fail" | "replace" | undefined; readonly tenant?: string | undefined };
    readonly body: string;
    readonly answer: Schemas["BulkResult"];
  };
  readonly initiateCall: {
    readonly path: object;
    readonly query: object;
    readonly body: Schemas["CallWishInput"];
    readonly answer: { readonly call_id: string; readonly status: "initiated"; readonly from_number: string; readonly to_number: string };
  };
  readonly listActiveCalls: {
    readonly path: object;
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly total: number; readonly items: readonly Schemas["ActiveCall"][] };
  };
  readonly listAlertChannels: {
    readonly path: object;
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["AlertChannel"][] };
  };
  readonly listAlertRules: {
    readonly path: object;
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["AlertRule"][] };
  };
  readonly listAlerts: {
    readonly path: object;
    readonly query: {
      readonly state?: "open" | "all" | undefined;
      readonly limit?: number | undefined;
      readonly cursor?: string | undefined;
    };
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["Alert"][]; readonly next: string | null };
  };
  readonly listAudit: {
    readonly path: object;
    readonly query: {
      readonly who?: string | undefined;
      readonly kind?: string | undefined;
      readonly name?: string | undefined;
      readonly tenant?: string | undefined;
      readonly limit?: number | undefined;
      readonly cursor?: string | undefined;
    };
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["AuditEntry"][]; readonly next: string | null };
  };
  readonly listCallRecords: {
    readonly path: object;
    readonly query: {
      readonly provider?: string | undefined;
      readonly trunk?: string | undefined;
      readonly number?: string | undefined;
      readonly outcome?: string | undefined;
      readonly from?: string | undefined;
      readonly to?: string | undefined;
      readonly tenant?: string | undefined;
      readonly limit?: number | undefined;
      readonly cursor?: string | undefined;
    };
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["CallRecord"][]; readonly next: string | null };
  };
  readonly listDeliveries: {
    readonly path: { readonly webhook_id: string };
    readonly query: {
      readonly state?: "pending" | "delivered" | "dead" | undefined;
      readonly limit?: number | undefined;
      readonly cursor?: string | undefined;
    };
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["WebhookDelivery"][]; readonly next: string | null };
  };
  readonly listDids: {
    readonly path: object;
    readonly query: {
      readonly limit?: number | undefined;
      readonly cursor?: string | undefined;
      readonly tenant?: string | undefined;
      readonly q?: string | undefined;
    };
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["Did"][]; readonly next: string | null };
  };
  readonly listGatewayStatus: {
    readonly path: object;
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["GatewayStatus"][] };
  };
  readonly listGateways: {
    readonly path: object;
    readonly query: {
      readonly limit?: number | undefined;
      readonly cursor?: string | undefined;
      readonly tenant?: string | undefined;
      readonly q?: string | undefined;
    };
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["Gateway"][]; readonly next: string | null };
  };
  readonly listGroups: {
    readonly path: object;
    readonly query: {
      readonly limit?: number | undefined;
      readonly cursor?: string | undefined;
      readonly tenant?: string | undefined;
      readonly q?: string | undefined;
    };
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["Group"][]; readonly next: string | null };
  };
  readonly listKeys: {
    readonly path: object;
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["ApiKey"][] };
  };
  readonly listLimits: {
    readonly path: object;
    readonly query: { readonly subject?: "tenant" | "trunk" | "gateway" | "source" | undefined; readonly name?: string | undefined };
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["Limit"][] };
  };
  readonly listListeners: {
    readonly path: object;
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["Listener"][] };
  };
  readonly listOutboundRules: {
    readonly path: object;
    readonly query: {
      readonly limit?: number | undefined;
      readonly cursor?: string | undefined;
      readonly tenant?: string | undefined;
      readonly q?: string | undefined;
    };
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["OutboundRule"][]; readonly next: string | null };
  };
  readonly listRefusals: {
    readonly path: object;
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["Refusal"][] };
  };
  readonly listTenants: {
    readonly path: object;
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["Tenant"][] };
  };
  readonly listTrunkStatus: {
    readonly path: object;
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["TrunkStatus"][] };
  };
  readonly listTrunks: {
    readonly path: object;
    readonly query: {
      readonly limit?: number | undefined;
      readonly cursor?: string | undefined;
      readonly tenant?: string | undefined;
      readonly q?: string | undefined;
    };
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["Trunk"][]; readonly next: string | null };
  };
  readonly listUsers: {
    readonly path: object;
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["User"][] };
  };
  readonly listWebhooks: {
    readonly path: object;
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly items: readonly Schemas["Webhook"][]; readonly next: null };
  };
  readonly login: {
    readonly path: object;
    readonly query: object;
    readonly body: { readonly username: string; readonly password: string };
    readonly answer: Schemas["Tokens"];
  };
  readonly metrics: { readonly path: object; readonly query: object; readonly body: undefined; readonly answer: string };
  readonly preflightTrunk: {
    readonly path: { readonly trunk_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: {
      readonly ok: boolean;
      readonly steps: readonly {
        readonly step: string;
        readonly result: "pass" | "fail" | "skip";
        readonly found: string;
        readonly advice: string;
      }[];
    };
  };
  readonly ready: {
    readonly path: object;
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly status: "ready" };
  };
  readonly refresh: {
    readonly path: object;
    readonly query: object;
    readonly body: { readonly refresh_token: string };
    readonly answer: Schemas["Tokens"];
  };
  readonly replayDelivery: {
    readonly path: { readonly webhook_id: string; readonly delivery_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["WebhookDelivery"];
  };
  readonly resetLimits: {
    readonly path: { readonly subject: "tenant" | "trunk" | "gateway" | "source"; readonly name: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["Limit"];
  };
  readonly rotateWebhookSecret: {
    readonly path: { readonly webhook_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["WebhookWithSecret"];
  };
  readonly setLimits: {
    readonly path: { readonly subject: "tenant" | "trunk" | "gateway" | "source"; readonly name: string };
    readonly query: object;
    readonly body: {
      readonly calls_max?: number | undefined;
      readonly calls_per_second?: number | undefined;
      readonly minutes_per_day?: number | undefined;
      readonly allowed_prefixes?: readonly string[] | undefined;
      readonly denied_prefixes?: readonly string[] | undefined;
      readonly allowed_countries?: readonly string[] | undefined;
      readonly denied_countries?: readonly string[] | undefined;
      readonly premium?: "deny" | "allow" | undefined;
      readonly fraud?:
        | { readonly calls: number; readonly window_s: number; readonly short_s: number; readonly lock_s: number }
        | false
        | undefined;
    };
    readonly answer: Schemas["Limit"];
  };
  readonly simulateRoute: {
    readonly path: object;
    readonly query: object;
    readonly body: {
      readonly to: string;
      readonly from?: string | undefined;
      readonly trunk?: string | undefined;
      readonly source?: string | undefined;
      readonly at?: string | undefined;
    };
    readonly answer: Schemas["RouteDecision"];
  };
  readonly testAlertChannel: {
    readonly path: { readonly channel_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly ok: boolean; readonly problem: string };
  };
  readonly testWebhook: {
    readonly path: { readonly webhook_id: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly status: number | null; readonly problem: string };
  };
  readonly transferCall: {
    readonly path: { readonly call_id: string };
    readonly query: object;
    readonly body: Schemas["CallMoveInput"];
    readonly answer: { readonly call_id: string; readonly status: "transferring" };
  };
  readonly unlockLimit: {
    readonly path: { readonly subject: "tenant" | "trunk" | "gateway" | "source"; readonly name: string };
    readonly query: object;
    readonly body: undefined;
    readonly answer: Schemas["Limit"];
  };
  readonly updateDid: {
    readonly path: { readonly number: string };
    readonly query: object;
    readonly body: Schemas["DidChangeInput"];
    readonly answer: Schemas["Did"];
  };
  readonly updateGateway: {
    readonly path: { readonly name: string };
    readonly query: object;
    readonly body: Schemas["GatewayChangeInput"];
    readonly answer: Schemas["Gateway"];
  };
  readonly updateGroup: {
    readonly path: { readonly name: string };
    readonly query: object;
    readonly body: Schemas["GroupChangeInput"];
    readonly answer: Schemas["Group"];
  };
  readonly updateKey: {
    readonly path: { readonly key_id: string };
    readonly query: object;
    readonly body: { readonly name?: string | undefined; readonly disabled?: boolean | undefined };
    readonly answer: Schemas["ApiKey"];
  };
  readonly updateOutboundRule: {
    readonly path: { readonly name: string };
    readonly query: object;
    readonly body: Schemas["OutboundRuleChangeInput"];
    readonly answer: Schemas["OutboundRule"];
  };
  readonly updateTenant: {
    readonly path: { readonly tenant: string };
    readonly query: object;
    readonly body: { readonly title: string };
    readonly answer: Schemas["Tenant"];
  };
  readonly updateTrunk: {
    readonly path: { readonly trunk_id: string };
    readonly query: object;
    readonly body: Schemas["TrunkChangeInput"];
    readonly answer: Schemas["Trunk"];
  };
  readonly updateTrunkEntry: {
    readonly path: { readonly trunk_id: string };
    readonly query: object;
    readonly body: Schemas["TrunkEntryChangeInput"];
    readonly answer: Schemas["TrunkEntry"];
  };
  readonly updateUser: {
    readonly path: { readonly name: string };
    readonly query: object;
    readonly body: {
      readonly role?: "owner" | "operator" | "viewer" | undefined;
      readonly password?: string | undefined;
      readonly disabled?: boolean | undefined;
    };
    readonly answer: Schemas["User"];
  };
  readonly whoAmI: {
    readonly path: object;
    readonly query: object;
    readonly body: undefined;
    readonly answer: { readonly name: string; readonly tenant: string; readonly scopes: readonly string[] };
  };
}

/** Method and path of each. */
export const ROUTES = {
  activateTrunk: ["POST", "/api/trunks/{trunk_id}/activate"],
  apply: ["POST", "/api/apply"],
  callStatistics: ["GET", "/api/calls/statistics"],
  callWebhookSecret: ["GET", "/api/webhooks/call-secret"],
  changeAlertChannel: ["PUT", "/api/alerts/channels/{channel_id}"],
  changeAlertRule: ["PUT", "/api/alerts/rules/{rule}"],
  changeDids: ["POST", "/api/dids/bulk"],
  changePassword: ["POST", "/api/auth/password"],
  changeWebhook: ["PUT", "/api/webhooks/{webhook_id}"],
  createAlertChannel: ["POST", "/api/alerts/channels"],
  createDid: ["POST", "/api/dids"],
  createGateway: ["POST", "/api/gateways"],
  createGroup: ["POST", "/api/groups"],
  createKey: ["POST", "/api/keys"],
  createOutboundRule: ["POST", "/api/outbound"],
  createTenant: ["POST", "/api/tenants"],
  createTrunk: ["POST", "/api/trunks"],
  createUser: ["POST", "/api/users"],
  createWebhook: ["POST", "/api/webhooks"],
  deactivateTrunk: ["POST", "/api/trunks/{trunk_id}/deactivate"],
  deleteAlertChannel: ["DELETE", "/api/alerts/channels/{channel_id}"],
  deleteDid: ["DELETE", "/api/dids/{number}"],
  deleteGateway: ["DELETE", "/api/gateways/{name}"],
  deleteGroup: ["DELETE", "/api/groups/{name}"],
  deleteKey: ["DELETE", "/api/keys/{key_id}"],
  deleteOutboundRule: ["DELETE", "/api/outbound/{name}"],
  deleteTenant: ["DELETE", "/api/tenants/{tenant}"],
  deleteTrunk: ["DELETE", "/api/trunks/{trunk_id}"],
  deleteUser: ["DELETE", "/api/users/{name}"],
  deleteWebhook: ["DELETE", "/api/webhooks/{webhook_id}"],
  events: ["GET", "/api/events"],
  export: ["GET", "/api/export"],
  exportCallRecords: ["GET", "/api/calls/cdr.csv"],
  exportDids: ["GET", "/api/dids.csv"],
  getCall: ["GET", "/api/calls/{call_id}"],
  getCallLadder: ["GET", "/api/calls/{call_id}/ladder"],
  getDid: ["GET", "/api/dids/{number}"],
  getGateway: ["GET", "/api/gateways/{name}"],
  getGatewayStatus: ["GET", "/api/gateways/{name}/status"],
  getGroup: ["GET", "/api/groups/{name}"],
  getOutboundRule: ["GET", "/api/outbound/{name}"],
  getTenant: ["GET", "/api/tenants/{tenant}"],
  getTrunk: ["GET", "/api/trunks/{trunk_id}"],
  getTrunkEntry: ["GET", "/api/trunks/{trunk_id}/entry"],
  getTrunkStatus: ["GET", "/api/trunks/{trunk_id}/status"],
  getTrunkSummary: ["GET", "/api/trunks/stats/summary"],
  getUser: ["GET", "/api/users/{name}"],
  getWebhook: ["GET", "/api/webhooks/{webhook_id}"],
  hangUpCall: ["DELETE", "/api/calls/{call_id}"],
  health: ["GET", "/health"],
  importDids: ["POST", "/api/dids.csv"],
  initiateCall: ["POST", "/api/calls/initiate"],
  listActiveCalls: ["GET", "/api/calls/active"],
  listAlertChannels: ["GET", "/api/alerts/channels"],
  listAlertRules: ["GET", "/api/alerts/rules"],
  listAlerts: ["GET", "/api/alerts"],
  listAudit: ["GET", "/api/audit"],
  listCallRecords: ["GET", "/api/calls/cdr"],
  listDeliveries: ["GET", "/api/webhooks/{webhook_id}/deliveries"],
  listDids: ["GET", "/api/dids"],
  listGatewayStatus: ["GET", "/api/gateways/status"],
  listGateways: ["GET", "/api/gateways"],
  listGroups: ["GET", "/api/groups"],
  listKeys: ["GET", "/api/keys"],
  listLimits: ["GET", "/api/limits"],
  listListeners: ["GET", "/api/listeners"],
  listOutboundRules: ["GET", "/api/outbound"],
  listRefusals: ["GET", "/api/refusals"],
  listTenants: ["GET", "/api/tenants"],
  listTrunkStatus: ["GET", "/api/trunks/status"],
  listTrunks: ["GET", "/api/trunks"],
  listUsers: ["GET", "/api/users"],
  listWebhooks: ["GET", "/api/webhooks"],
  login: ["POST", "/api/auth/login"],
  metrics: ["GET", "/metrics"],
  preflightTrunk: ["POST", "/api/trunks/{trunk_id}/preflight"],
  ready: ["GET", "/ready"],
  refresh: ["POST", "/api/auth/refresh"],
  replayDelivery: ["POST", "/api/webhooks/{webhook_id}/deliveries/{delivery_id}/replay"],
  resetLimits: ["DELETE", "/api/limits/{subject}/{name}"],
  rotateWebhookSecret: ["POST", "/api/webhooks/{webhook_id}/rotate-secret"],
  setLimits: ["PUT", "/api/limits/{subject}/{name}"],
  simulateRoute: ["POST", "/api/route"],
  testAlertChannel: ["POST", "/api/alerts/channels/{channel_id}/test"],
  testWebhook: ["POST", "/api/webhooks/{webhook_id}/test"],
  transferCall: ["POST", "/api/calls/{call_id}/transfer"],
  unlockLimit: ["POST", "/api/limits/{subject}/{name}/unlock"],
  updateDid: ["PUT", "/api/dids/{number}"],
  updateGateway: ["PUT", "/api/gateways/{name}"],
  updateGroup: ["PUT", "/api/groups/{name}"],
  updateKey: ["PUT", "/api/keys/{key_id}"],
  updateOutboundRule: ["PUT", "/api/outbound/{name}"],
  updateTenant: ["PUT", "/api/tenants/{tenant}"],
  updateTrunk: ["PUT", "/api/trunks/{trunk_id}"],
  updateTrunkEntry: ["PUT", "/api/trunks/{trunk_id}/entry"],
  updateUser: ["PUT", "/api/users/{name}"],
  whoAmI: ["GET", "/api/auth/me"],
} as const satisfies Readonly<Record<keyof Operations, readonly [method: string, path: string]>>;
