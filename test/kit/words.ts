/**
 * Sentences that are spoken by espeak-ng at one end of a call and recognised by pocketsphinx at the other.
 * The recogniser knows these sentences only, so it tells which of them was said, not what anybody said:
 * other speech is forced onto one of them; silence and noise give nothing.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "./lab.ts";

export const SENTENCES = [
  "the lantern in the kitchen window burned until morning",
  "seven yellow umbrellas were waiting at the station",
  "our orchestra will practice near the harbor on thursday",
  "send the invoice for november to another department",
  "nobody remembers who painted the wooden bridge",
  "the captain ordered coffee and a newspaper",
] as const;
export type Sentence = (typeof SENTENCES)[number];

const MODEL = "/usr/share/pocketsphinx/model/en-us";
const SPEAK_MS = 20_000;
const RECOGNISE_MS = 60_000;
let files = 0;

/** Makes a WAV file: a second of silence, for the path to be there, the sentence once, and silence that no call outlives. */
export async function spoken(
  lab: Lab,
  sentence: Sentence,
  format: { readonly rateHz?: number; readonly channels?: number } = {},
): Promise<string> {
  const { rateHz = 8000, channels = 1 } = format;
  const name = join(lab.folder, `spoken${files++}`);
  await must(lab, "espeak-ng", ["-v", "en-us", "-s", "140", "-w", `${name}-raw.wav`, sentence], SPEAK_MS);
  await must(
    lab,
    "sox",
    [`${name}-raw.wav`, "-r", String(rateHz), "-b", "16", "-c", String(channels), `${name}.wav`, "norm", "-3", "pad", "1", "60"],
    SPEAK_MS,
  );
  return `${name}.wav`;
}

/** Silence of a minute, for the party that only listens. */
export async function silence(lab: Lab): Promise<string> {
  const name = join(lab.folder, `silence${files++}.wav`);
  await must(lab, "sox", ["-n", "-r", "8000", "-b", "16", "-c", "1", name, "trim", "0", "60"], SPEAK_MS);
  return name;
}

/** Which sentence the recording has, "" for none of them. */
export async function recognised(lab: Lab, recording: string): Promise<string> {
  const name = `recognised${files++}`;
  const file = (suffix: string): string => join(lab.folder, `${name}.${suffix}`);
  await must(lab, "sox", [recording, "-r", "16000", "-b", "16", "-c", "1", file("wav"), "pad", "0.3", "0.3"], SPEAK_MS);
  writeFileSync(file("gram"), `#JSGF V1.0;\ngrammar said;\npublic <said> = ${SENTENCES.join("\n  | ")};\n`);
  writeFileSync(file("ctl"), `${name}\n`);
  const { code, output } = await lab.run(
    lab.carrier,
    "pocketsphinx_batch",
    [
      ...["-hmm", join(MODEL, "en-us"), "-dict", join(MODEL, "cmudict-en-us.dict"), "-jsgf", file("gram")],
      // Wide beams: a narrow search loses the words of a hoarse codec half way, and then says nothing at all.
      ...["-beam", "1e-80", "-wbeam", "1e-60", "-pbeam", "1e-80"],
      ...["-cepdir", lab.folder, "-cepext", ".wav", "-adcin", "yes", "-adchdr", "44", "-samprate", "16000"],
      ...["-ctl", file("ctl"), "-hyp", file("hyp")],
    ],
    RECOGNISE_MS,
  );
  if (code !== 0) throw new Error(`pocketsphinx_batch ended with ${code}:\n${output.slice(-2000)}`);
  return readFileSync(file("hyp"), "utf8")
    .replace(/\s*\([^)]*\)\s*$/, "")
    .trim();
}

async function must(lab: Lab, program: string, args: readonly string[], timeoutMs: number): Promise<void> {
  const { code, output } = await lab.run(lab.carrier, program, args, timeoutMs);
  if (code !== 0) throw new Error(`${program} ended with ${code}:\n${output.slice(-2000)}`);
}
