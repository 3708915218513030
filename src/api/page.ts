/** Cursors: the place behind which the next page begins, in a form that says nothing. */
import { z } from "zod";
import { ApiProblem } from "./problem.ts";

export const LIMIT_MAX = 1_000;
export const LIMIT = 100;

/** Every list's. */
export const pageFields = {
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT),
  cursor: z.string().min(1).max(400).optional().describe("`next` of the page before."),
};

export const cursorOf = (place: readonly (string | number)[]): string => Buffer.from(JSON.stringify(place)).toString("base64url");

/** @throws ApiProblem where it is none of ours */
export function placeOf(cursor: string | undefined): readonly (string | number)[] | undefined {
  if (cursor === undefined) return undefined;
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    if (Array.isArray(place) && place.every((part) => typeof part === "string" || typeof part === "number"))
      return place as (string | number)[];
  } catch {
    // Not ours either.
  }
  throw new ApiProblem("BODY_INVALID", "cursor: not one that a list gave; begin without", {
    errors: [{ field: "cursor", message: "not one that a list gave" }],
  });
}
