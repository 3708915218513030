/** What the API keeps beside users and keys, as every database behind it does: tenants, the audit log, answers. */

export interface StoredTenant {
  readonly name: string;
  readonly title: string;
  readonly createdAtMs: number;
}

/** Who changed what, without secrets. */
export interface AuditEntry {
  readonly id: string;
  /** Whose things were changed; "*": the deployment's. */
  readonly tenant: string;
  readonly atMs: number;
  readonly who: string;
  readonly address: string;
  /** Name of the operation, as the OpenAPI file has it. */
  readonly action: string;
  readonly kind: string;
  readonly name: string;
  /** JSON; "": it wasn't there, or nobody says. */
  readonly before: string;
  readonly after: string;
  readonly requestId: string;
}

export interface AuditFilter {
  /** "*": every tenant's. */
  readonly tenant: string;
  readonly who?: string | undefined;
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  /** Only entries older than this id. */
  readonly before?: string | undefined;
  readonly limit: number;
}

/** The answer to a request that names an Idempotency-Key. */
export interface KeptAnswer {
  /** Of method, path and body. */
  readonly requestHash: string;
  /** 0: it is being worked on, or was when the process ended. */
  readonly status: number;
  /** Sealed: answers may show a secret once. */
  readonly answer: string;
}

/** Everything answers when it is stored. */
export interface ApiRecords {
  /** By name, the declared ones. */
  tenants(): Promise<readonly StoredTenant[]>;
  /** False: the name is taken. */
  addTenant(tenant: StoredTenant): Promise<boolean>;
  retitleTenant(name: string, title: string): Promise<void>;
  removeTenant(name: string): Promise<void>;

  addAudit(entry: AuditEntry): Promise<void>;
  /** Newest first. */
  audit(filter: AuditFilter): Promise<readonly AuditEntry[]>;
  /** Takes out what is older than this. */
  pruneAudit(beforeMs: number): Promise<void>;

  /** Takes the key for a request. @returns what stands under it already; undefined: it is ours now */
  claimAnswer(tenant: string, id: string, requestHash: string, expiresAtMs: number, nowMs: number): Promise<KeptAnswer | undefined>;
  keepAnswer(tenant: string, id: string, status: number, answer: string): Promise<void>;
  /** The request failed in a way that may be tried again. */
  forgetAnswer(tenant: string, id: string): Promise<void>;
  close(): Promise<void>;
}
