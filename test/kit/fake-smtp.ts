/** A mail server as far as a sender needs one (RFC 5321, AUTH PLAIN of RFC 4954), that keeps what it is given. */
import { type AddressInfo, type Socket, createServer } from "node:net";
import type { TestContext } from "node:test";

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
  /** "user\0password" of AUTH PLAIN; undefined: it didn't say. */
  readonly auth: string | undefined;
}

export interface FakeSmtp {
  readonly port: number;
  readonly mails: readonly Mail[];
}

/** @param refuse answers RCPT with 550 */
export async function fakeSmtp(t: Pick<TestContext, "after">, refuse = false): Promise<FakeSmtp> {
  const mails: Mail[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let from = "";
    let to: string[] = [];
    let auth: string | undefined;
    let letter: string[] | undefined;
    let rest = "";
    const say = (line: string): void => void socket.write(`${line}\r\n`);
    const take = (line: string): void => {
      if (letter !== undefined) {
        if (line !== ".") return void letter.push(line.replace(/^\.\./, "."));
        mails.push({ from, to, text: letter.join("\n"), auth });
        letter = undefined;
        return say("250 2.0.0 taken");
      }
      const [verb = ""] = line.toUpperCase().split(/[ :]/);
      if (verb === "EHLO") return say("250-fake.example\r\n250-AUTH PLAIN\r\n250 8BITMIME");
      if (verb === "AUTH") {
        auth = Buffer.from(line.split(" ")[2] ?? "", "base64")
          .toString("utf8")
          .slice(1);
        return say("235 2.7.0 welcome");
      }
      if (verb === "MAIL") {
        [from, to] = [/<([^>]*)>/.exec(line)?.[1] ?? "", []];
        return say("250 2.1.0 ok");
      }
      if (verb === "RCPT") {
        if (refuse) return say("550 5.1.1 nobody of that name");
        to.push(/<([^>]*)>/.exec(line)?.[1] ?? "");
        return say("250 2.1.5 ok");
      }
      if (verb === "DATA") {
        letter = [];
        return say("354 go on");
      }
      if (verb === "STARTTLS") return say("502 5.5.1 not here");
      if (verb === "QUIT") return void socket.end("221 2.0.0 bye\r\n");
      say("250 2.0.0 ok");
    };
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) take(line);
    });
    socket.on("error", () => socket.destroy());
    say("220 fake.example ESMTP");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, mails };
}
