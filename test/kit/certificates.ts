/** Certificates for tests, made by the machine's openssl: authorities and what they sign, in a folder that goes away. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const hasOpenssl = ((): boolean => {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

export interface MadeCertificate {
  readonly certificate: string;
  readonly key: string;
}
export interface CertificateOrder {
  readonly name: string;
  /** "DNS:sip.example.com,URI:sip:example.com"; "": no subjectAltName. */
  readonly names?: string;
  readonly commonName?: string;
  readonly days?: number;
  /** Absent: it signs itself. */
  readonly by?: MadeCertificate;
  readonly authority?: boolean;
}

export class CertificateMill {
  readonly folder = mkdtempSync(join(tmpdir(), "tandem-certificates-"));

  make({
    name,
    names = "DNS:localhost,IP:127.0.0.1",
    commonName = name,
    days = 30,
    by,
    authority = false,
  }: CertificateOrder): MadeCertificate {
    const [key, request, certificate, extensions] = [".key", ".csr", ".pem", ".ext"].map((end) => join(this.folder, `${name}${end}`)) as [
      string,
      string,
      string,
      string,
    ];
    const openssl = (...words: string[]): void => void execFileSync("openssl", words, { stdio: "pipe" });
    openssl(
      "req",
      "-new",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      key,
      "-out",
      request,
      "-subj",
      `/CN=${commonName}`,
    );
    const lines = [...(names === "" ? [] : [`subjectAltName=${names}`]), `basicConstraints=CA:${authority ? "TRUE" : "FALSE"}`];
    writeFileSync(extensions, `${lines.join("\n")}\n`);
    const signer = by === undefined ? ["-signkey", key] : ["-CA", by.certificate, "-CAkey", by.key, "-CAcreateserial"];
    openssl("x509", "-req", "-in", request, "-out", certificate, "-extfile", extensions, "-days", String(days), ...signer);
    return { certificate, key };
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const textOf = (path: string): string => readFileSync(path, "utf8");
