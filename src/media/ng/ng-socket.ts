/** One UDP socket to one rtpengine's ng port; connected, so that the kernel tells when nobody listens there. */
import { type UdpSocket, connectUdpSocket, openUdpSocket } from "#net/udp-socket.ts";

export interface NgAddress {
  /** Numeric. */
  readonly address: string;
  readonly port: number;
}

export interface NgSocketUser {
  onDatagram(bytes: Buffer): void;
  /** Nobody listens there (ICMP), or nothing can be sent. */
  onRefused(detail: string): void;
}

export interface NgSocket {
  send(bytes: Buffer): void;
  close(): void;
}

export type OpenNgSocket = (peer: NgAddress, user: NgSocketUser) => NgSocket;

export const openNgSocket: OpenNgSocket = (peer, user) => {
  const refused = (error: { readonly code: string; readonly detail: string }): void => user.onRefused(`${error.code}: ${error.detail}`);
  // What strangers send to the port reaches this one only.
  const holder = openUdpSocket(
    { address: peer.address.includes(":") ? "::" : "0.0.0.0", port: 0 },
    { onDatagram: () => {}, onError: () => {} },
  );
  let connected: UdpSocket | undefined = connectUdpSocket(holder, peer, {
    onDatagram: (bytes, address, port) => {
      if (address === peer.address && port === peer.port) user.onDatagram(bytes);
    },
    onError: refused,
  });
  return {
    send(bytes) {
      if (connected === undefined) queueMicrotask(() => user.onRefused("no socket"));
      else connected.sendToPeer(bytes, refused);
    },
    close() {
      connected?.close();
      connected = undefined;
      holder.close();
    },
  };
};
