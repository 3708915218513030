/**
 * Who may do what. A principal is what a token or key proves; whatever a request reads or writes goes through
 * `reach` and `tenantFor`, which are the only places that compare tenants.
 */
import { DEFAULT_TENANT, type TenantId } from "#base/ids.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import { ApiProblem } from "./problem.ts";

export const SCOPES = [
  "trunks:read",
  "trunks:write",
  "resources:read",
  "resources:write",
  "calls:read",
  "calls:write",
  "metrics:read",
  "webhooks:read",
  "webhooks:write",
  "alerts:read",
  "alerts:write",
  "access:write",
  "audit:read",
] as const;
export type AccessScope = (typeof SCOPES)[number];

export const ROLES = ["owner", "operator", "viewer"] as const;
export type Role = (typeof ROLES)[number];

export const SCOPES_OF_ROLE: Readonly<Record<Role, readonly AccessScope[]>> = {
  owner: SCOPES,
  operator: [
    "trunks:read",
    "trunks:write",
    "resources:read",
    "resources:write",
    "calls:read",
    "calls:write",
    "metrics:read",
    "webhooks:read",
    "webhooks:write",
    "alerts:read",
    "alerts:write",
  ],
  viewer: ["trunks:read", "resources:read", "calls:read", "metrics:read", "alerts:read"],
};

/** A tenant, or all of them: whoever runs the deployment. */
export type Reach = TenantId | typeof EVERY_TENANT;

export interface Principal {
  /** For records: "user anna", "key nightly", "local". */
  readonly name: string;
  readonly reach: Reach;
  readonly scopes: ReadonlySet<AccessScope>;
}

export const isRole = (value: unknown): value is Role => ROLES.some((role) => role === value);
export const isScope = (value: unknown): value is AccessScope => SCOPES.some((scope) => scope === value);

/** Whether a principal sees what belongs to a tenant. */
export const reaches = ({ reach }: Pick<Principal, "reach">, tenant: string): boolean => reach === EVERY_TENANT || reach === tenant;

/** On whose behalf the switch is asked; undefined: whoever runs the deployment. */
export const tenantAsked = ({ reach }: Pick<Principal, "reach">): TenantId | undefined => (reach === EVERY_TENANT ? undefined : reach);

/** The tenant that a new resource belongs to. @throws ApiProblem where it is somebody else's */
export function tenantFor(principal: Principal, wanted: string | undefined): TenantId {
  if (principal.reach !== EVERY_TENANT) {
    if (wanted !== undefined && wanted !== principal.reach)
      throw new ApiProblem("FORBIDDEN", `this token is for tenant ${principal.reach}`);
    return principal.reach;
  }
  return (wanted ?? DEFAULT_TENANT) as TenantId;
}

/** What a question is about: all that the principal reaches, or one tenant of it. @throws ApiProblem where it is somebody else's */
export const narrowed = (principal: Principal, wanted: string | undefined): Reach =>
  wanted === undefined ? principal.reach : tenantFor(principal, wanted);

/** @throws ApiProblem */
export function demand(principal: Principal, scope: AccessScope): void {
  if (!principal.scopes.has(scope)) throw new ApiProblem("FORBIDDEN", `this needs ${scope}, which ${principal.name} has not`);
}
