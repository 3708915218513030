/** Who may send (RFC 8866 §6.7, RFC 3264 §5.1, §8.4). */
import type { Attribute, Direction, MediaDescription, SessionDescription } from "./description.ts";

const DIRECTIONS: ReadonlySet<string> = new Set<Direction>(["sendrecv", "sendonly", "recvonly", "inactive"]);
const isDirection = (name: string): name is Direction => DIRECTIONS.has(name);

function attributeDirection(attributes: readonly Attribute[]): Direction | undefined {
  for (const { name } of attributes) if (isDirection(name)) return name;
  return undefined;
}

/**
 * The direction that the sender of the description means: of the m-line, else of the session, else sendrecv.
 * The old hold by c=0.0.0.0 (RFC 2543, RFC 3264 §8.4) takes receiving away from it.
 */
export function directionOf(session: SessionDescription, media: MediaDescription): Direction {
  const said = attributeDirection(media.attributes) ?? attributeDirection(session.attributes) ?? "sendrecv";
  if (!isUnspecified((media.connection ?? session.connection)?.address)) return said;
  return said === "sendrecv" || said === "sendonly" ? "sendonly" : "inactive";
}

const isUnspecified = (address: string | undefined): boolean => address === "0.0.0.0" || address === "::";
