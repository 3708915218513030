/**
 * Composition root of `tandem secrets rotate`: a new key in the state folder, or the first that the environment gives,
 * seals all passwords. Running processes read the keys with each use; the key before stays, because one of them may be
 * sealing by it right now, and goes with the next rotation.
 */
import type { Rotated } from "#cli/secrets.ts";
import { houseAt, resealStored } from "#store/database.ts";
import { givenKeys, keyRing, newKey, writeKeys } from "#store/secrets.ts";

export async function rotateSecrets(home: string): Promise<Rotated> {
  const given = givenKeys(process.env);
  const house = houseAt(home, process.env);
  if (given !== undefined) return { source: "environment", key: given[0]!.id, ...(await resealStored(house)) };
  const before = keyRing(home, process.env);
  const made = newKey();
  writeKeys(home, [made, ...before]);
  const resealed = await resealStored(house);
  if (resealed.unreadable === 0) writeKeys(home, [made, ...before.slice(0, 1)]);
  return { source: "file", key: made.id, ...resealed };
}
