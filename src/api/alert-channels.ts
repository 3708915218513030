/**
 * Who is told of alerts, and how: a signed POST, e-mail by SMTP (RFC 5321), a Telegram bot (Bot API, sendMessage). A
 * heartbeat is the other way round: a URL that is called each minute, so that whoever stops hearing it raises the alarm.
 */
import nodemailer from "nodemailer";
import { z } from "zod";
import type { CallOut } from "./call-out.ts";
import { signatureOf } from "./webhook-signature.ts";

const URL_CHARS_MAX = 2_000;
const SMTP_TIMEOUT_MS = 15_000;
const TELEGRAM_CHARS_MAX = 4_096;
export const TELEGRAM_URL = "https://api.telegram.org";

const Url = z.string().min(1).max(URL_CHARS_MAX);
const Secret = z.string().min(1).max(500).meta({ writeOnly: true });
const Mailbox = z.email().max(254);
export const ChannelSettings = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("webhook"), url: Url }),
  z.strictObject({
    kind: z.literal("email"),
    host: z.string().min(1).max(253),
    port: z.int().min(1).max(65_535).default(587),
    security: z.enum(["starttls", "tls", "none"]).default("starttls").describe("starttls: refused where the server has none."),
    username: z.string().min(1).max(255).optional(),
    password: Secret.optional(),
    from: Mailbox,
    to: z.array(Mailbox).min(1).max(20),
  }),
  z.strictObject({
    kind: z.literal("telegram"),
    bot_token: Secret,
    chat_id: z.string().regex(/^(-?\d{1,20}|@\w{1,64})$/, "a chat's number, or @channel"),
    base_url: Url.default(TELEGRAM_URL).describe("Of the Bot API."),
  }),
  z.strictObject({ kind: z.literal("heartbeat"), url: Url.describe("Called by GET each minute.") }),
]);
export type ChannelSettings = z.infer<typeof ChannelSettings>;

/** Undefined: sealed by a key that is not here. */
export function settingsOf(body: string): ChannelSettings | undefined {
  try {
    return ChannelSettings.parse(JSON.parse(body));
  } catch {
    return undefined;
  }
}
export const UNREADABLE = "its settings can't be read: the key that sealed them is missing (tandem secrets)";

/** What is said to people and programs. */
export interface AlertMessage {
  readonly subject: string;
  readonly text: string;
  readonly event: "alert.raised" | "alert.cleared" | "alert.test";
  /** JSON, as webhooks get it. */
  readonly body: string;
}

export interface SendingParts {
  readonly callOut: CallOut;
  readonly nowMs: () => number;
  /** Signs what goes to a channel's URL. */
  readonly secret: string;
}

/** @returns what went wrong; "": nothing */
export async function sendAlert(
  settings: ChannelSettings,
  message: AlertMessage,
  { callOut, nowMs, secret }: SendingParts,
): Promise<string> {
  const json = { "content-type": "application/json" };
  switch (settings.kind) {
    case "webhook":
      return problemOf(
        await callOut({
          method: "POST",
          url: settings.url,
          body: message.body,
          headers: { ...json, "x-tandem-event": message.event, "x-tandem-signature": signatureOf(secret, nowMs(), message.body) },
        }),
      );
    case "telegram": {
      const body = JSON.stringify({ chat_id: settings.chat_id, text: `${message.subject}\n${message.text}`.slice(0, TELEGRAM_CHARS_MAX) });
      const url = `${settings.base_url.replace(/\/+$/, "")}/bot${settings.bot_token}/sendMessage`;
      const problem = problemOf(await callOut({ method: "POST", url, body, headers: json }));
      return problem.replaceAll(settings.bot_token, "***");
    }
    case "heartbeat":
      return problemOf(await callOut({ method: "GET", url: settings.url, body: "", headers: {} }));
    case "email":
      return sendMail(settings, message);
  }
}

const problemOf = ({ status, problem }: { readonly status: number; readonly problem: string }): string =>
  status >= 200 && status < 300 ? "" : problem || `answered ${status}`;

async function sendMail(settings: Extract<ChannelSettings, { kind: "email" }>, { subject, text }: AlertMessage): Promise<string> {
  const { host, port, security, username, password, from, to } = settings;
  const transport = nodemailer.createTransport({
    host,
    port,
    secure: security === "tls",
    requireTLS: security === "starttls",
    ignoreTLS: security === "none",
    ...(username === undefined ? {} : { auth: { user: username, pass: password ?? "" } }),
    connectionTimeout: SMTP_TIMEOUT_MS,
    greetingTimeout: SMTP_TIMEOUT_MS,
    socketTimeout: SMTP_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    await transport.sendMail({ from, to, subject, text, headers: { "Auto-Submitted": "auto-generated" } });
    return "";
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return password === undefined ? said : said.replaceAll(password, "***");
  } finally {
    transport.close();
  }
}

/** Without what must not be read again. */
export function publicSettings(settings: ChannelSettings): Record<string, unknown> {
  switch (settings.kind) {
    case "email": {
      const { password, ...rest } = settings;
      return { ...rest, has_password: password !== undefined };
    }
    case "telegram": {
      const { bot_token: _, ...rest } = settings;
      return { ...rest, has_bot_token: true };
    }
    default:
      return settings;
  }
}

/** URLs of a channel that are called from here. */
export const urlsOf = (settings: ChannelSettings): readonly (readonly [field: string, url: string])[] =>
  settings.kind === "email" ? [] : settings.kind === "telegram" ? [["base_url", settings.base_url]] : [["url", settings.url]];
