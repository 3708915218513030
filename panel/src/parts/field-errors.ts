/** What the API says of each field: "settings.url[0]: …" → {url: …}. */
import { ApiError } from "../api/client.ts";

export const rootOf = (field: string): string => field.split(/[.[]/)[0] ?? field;

/** @param within what stands before the fields that are meant: "settings." */
export const fieldErrors = (error: unknown, within = ""): Readonly<Record<string, string>> =>
  Object.fromEntries(
    error instanceof ApiError ? error.errors.map(({ field, message }) => [rootOf(field.replace(within, "")), message]) : [],
  );
