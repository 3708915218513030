/** Requests of webhooks that are under way: so many in all, and fewer of one tenant, whose targets may all hang. */
export const REQUESTS_MAX = 64;
export const REQUESTS_OF_TENANT_MAX = 48;

export class RequestSlots {
  #running = 0;
  readonly #ofTenant = new Map<string, number>();

  hasRoom(tenant: string): boolean {
    return this.#running < REQUESTS_MAX && (this.#ofTenant.get(tenant) ?? 0) < REQUESTS_OF_TENANT_MAX;
  }
  take(tenant: string): void {
    this.#count(tenant, 1);
  }
  give(tenant: string): void {
    this.#count(tenant, -1);
  }
  #count(tenant: string, by: 1 | -1): void {
    this.#running += by;
    const left = (this.#ofTenant.get(tenant) ?? 0) + by;
    if (left === 0) this.#ofTenant.delete(tenant);
    else this.#ofTenant.set(tenant, left);
  }
}
