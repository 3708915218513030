/** WAV files as a phone needs them: 8000 Hz mono, 16-bit PCM or µ-law in, µ-law out. Nothing else. */
import { type Parsed, malformed, parsed } from "#base/bytes.ts";
import { linearToUlaw } from "#media/codec/g711.ts";

const FORMAT_PCM = 1;
const FORMAT_ULAW = 7;
export const SAMPLE_RATE_HZ = 8000;

/** @returns µ-law bytes at 8000 Hz, or why the file can't be played */
export function readWav(file: Buffer): Parsed<Uint8Array> {
  if (file.length < 12 || file.latin1Slice(0, 4) !== "RIFF" || file.latin1Slice(8, 12) !== "WAVE") return malformed("not a WAV file");
  let format = 0;
  let bits = 0;
  for (let at = 12; at + 8 <= file.length; ) {
    const id = file.latin1Slice(at, at + 4);
    const bytes = file.readUInt32LE(at + 4);
    const start = at + 8;
    const end = Math.min(start + bytes, file.length);
    if (id === "fmt " && end - start >= 16) {
      format = file.readUInt16LE(start);
      bits = file.readUInt16LE(start + 14);
      const channels = file.readUInt16LE(start + 2);
      const rate = file.readUInt32LE(start + 4);
      if (channels !== 1 || rate !== SAMPLE_RATE_HZ)
        return malformed(`8000 Hz mono is needed, this is ${rate} Hz with ${channels} channels`, start);
    } else if (id === "data") {
      if (format === FORMAT_ULAW) return parsed(new Uint8Array(file.subarray(start, end)));
      if (format === FORMAT_PCM && bits === 16) {
        const samples = Int16Array.from({ length: (end - start) >> 1 }, (_, i) => file.readInt16LE(start + 2 * i));
        return parsed(linearToUlaw(samples));
      }
      return malformed(`16-bit PCM or µ-law is needed, this is format ${format} with ${bits} bits`, start);
    }
    // Chunks are padded to an even length.
    at = start + bytes + (bytes & 1);
  }
  return malformed("the WAV file has no audio data");
}

export function writeWav(ulaw: Uint8Array): Buffer {
  const header = Buffer.alloc(58);
  header.write("RIFF", 0, "latin1");
  header.writeUInt32LE(50 + ulaw.length + (ulaw.length & 1), 4);
  header.write("WAVEfmt ", 8, "latin1");
  header.writeUInt32LE(18, 16);
  header.writeUInt16LE(FORMAT_ULAW, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(SAMPLE_RATE_HZ, 24);
  header.writeUInt32LE(SAMPLE_RATE_HZ, 28);
  header.writeUInt16LE(1, 32);
  header.writeUInt16LE(8, 34);
  header.write("fact", 38, "latin1");
  header.writeUInt32LE(4, 42);
  header.writeUInt32LE(ulaw.length, 46);
  header.write("data", 50, "latin1");
  header.writeUInt32LE(ulaw.length, 54);
  return Buffer.concat([header, ulaw, Buffer.alloc(ulaw.length & 1)]);
}
