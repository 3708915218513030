/**
 * The tables as Kysely sees them: the same on SQLite and PostgreSQL. Text ids, epoch-ms and counts as
 * integers, JSON as text. Every key starts with the tenant and goes on with an id in order of time.
 */

export interface CallRow {
  tenant: string;
  /** The call id. */
  id: string;
  node: string;
  direction: string;
  caller: string;
  called: string;
  route: string;
  config_generation: number;
  started_at_ms: number;
  answered_at_ms: number | null;
  ended_at_ms: number;
  setup_ms: number;
  duration_ms: number;
  outcome: string;
  sip_status: number;
  q850: number | null;
  ended_by: string;
  end_reason: string;
  /** JSON: [{peer, reason}] */
  skipped: string;
  /** JSON: what the decision saw (routing/replay.ts); "" where nothing was decided. */
  decision: string;
}

export interface LegRow {
  tenant: string;
  /** call id "-" place of the leg in the CDR. */
  id: string;
  call_id: string;
  leg: string;
  direction: string;
  peer: string;
  peer_kind: string;
  listener: string;
  sip_call_id: string;
  remote_address: string;
  from_value: string;
  to_value: string;
  codec: string;
  packets_received: number;
  packets_sent: number;
  packets_lost: number;
  jitter_us: number;
  strays: number;
}

export interface AttemptRow {
  tenant: string;
  /** call id "-" place of the attempt in the CDR. */
  id: string;
  call_id: string;
  number: number;
  peer: string;
  peer_kind: string;
  target: string;
  started_at_ms: number;
  post_dial_delay_ms: number | null;
  duration_ms: number;
  status: number;
  q850: number | null;
  outcome: string;
  reason: string;
}

/** What comes after the call: recording, transcript, machine detection. Reserved: nothing writes it yet. */
export interface AnnotationRow {
  tenant: string;
  id: string;
  call_id: string;
  kind: string;
  created_at_ms: number;
  /** JSON */
  body: string;
}

/** Each configuration that was in force, so that a CDR's generation can be looked up and replayed. */
export interface ChangeLogRow {
  tenant: string;
  id: string;
  number: number;
  hash: string;
  text: string;
  applied_at_ms: number;
}

/** What `tandem apply` declared, as it was written. */
export interface ResourceRow {
  tenant: string;
  /** Made at ms "-" generation "-" place in the change. */
  id: string;
  /** "trunk", "gateway", "group", "did", "outbound": with the name unique in the deployment. */
  kind: string;
  name: string;
  /** Order among outbound rules; 0 for the rest. */
  position: number;
  /** JSON, passwords in it as they are: the file is its owner's only. */
  body: string;
  managed_by: string;
  /** Of the last change. */
  generation: number;
  created_at_ms: number;
  updated_at_ms: number;
}

/** What a generation changed of one tenant: rewinding these gives the resources that a past call saw. */
export interface ResourceChangeRow {
  tenant: string;
  /** Applied at ms "-" generation. */
  id: string;
  generation: number;
  /** Of all resources after it. */
  hash: string;
  applied_at_ms: number;
  /** A line of JSON per change, passwords hidden. */
  text: string;
  /** Of the configuration that is in force with it; 0 and "": the log of configurations has it. */
  config_number: number;
  config_hash: string;
}

/** Who took part in a call, to find it by. */
export interface CallPeerRow {
  tenant: string;
  peer: string;
  call_id: string;
}

/** Calls of one hour (call-totals.ts). */
export interface CallTotalRow {
  tenant: string;
  /** kind "-" hour ms "-" direction "-" outcome "-" peer */
  id: string;
  hour_ms: number;
  /** "call": all of the hour; "trunk", "gateway": from and to one of them. */
  kind: string;
  peer: string;
  direction: string;
  outcome: string;
  calls: number;
  duration_ms: number;
  /** How many have a delay, and the sum: set-up, or to the first sign of the far end. */
  delays: number;
  delay_ms: number;
}

export interface WebhookRow {
  tenant: string;
  id: string;
  url: string;
  /** JSON: types, and from when on. */
  events: string;
  active: number;
  secret_version: number;
  created_at_ms: number;
}

/** See webhook-store.ts. */
export interface WebhookDeliveryRow {
  tenant: string;
  id: string;
  webhook_id: string;
  event_id: string;
  event_type: string;
  call_id: string;
  lane: string;
  target: string;
  url: string;
  body: string;
  state: string;
  attempts: number;
  created_at_ms: number;
  next_at_ms: number;
  ended_at_ms: number | null;
  status: number;
  problem: string;
}

/** How far a reader of live events has come. */
export interface LivePlaceRow {
  tenant: string;
  id: string;
  place: string;
}

export interface AlertRow {
  tenant: string;
  id: string;
  rule: string;
  subject: string;
  severity: string;
  detail: string;
  raised_at_ms: number;
  cleared_at_ms: number | null;
}

/** What was changed of a rule. */
export interface AlertRuleRow {
  tenant: string;
  id: string;
  /** JSON */
  body: string;
}

/** Who is told of alerts. */
export interface AlertChannelRow {
  tenant: string;
  id: string;
  kind: string;
  name: string;
  active: number;
  /** JSON, with its secrets: the file is its owner's only. */
  body: string;
  created_at_ms: number;
}

export interface Schema {
  alert: AlertRow;
  alert_rule: AlertRuleRow;
  alert_channel: AlertChannelRow;
  webhook: WebhookRow;
  webhook_delivery: WebhookDeliveryRow;
  live_place: LivePlaceRow;
  call_peer: CallPeerRow;
  call_total: CallTotalRow;
  call: CallRow;
  leg: LegRow;
  attempt: AttemptRow;
  annotation: AnnotationRow;
  change_log: ChangeLogRow;
  resource: ResourceRow;
  resource_change: ResourceChangeRow;
}
