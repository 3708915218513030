/** Webhooks in PostgreSQL. */
import { type WebhookStore, webhookStore } from "../webhook-store.ts";
import { connectPostgres } from "./connect-postgres.ts";

export async function openPostgresWebhooks(url: string): Promise<WebhookStore> {
  const { db, ready, close } = connectPostgres(url);
  await ready();
  return { ...webhookStore(db), close };
}
