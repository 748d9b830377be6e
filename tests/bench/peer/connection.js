// A connection that sends one request after the other.
import net from "node:net";

export class Connection {
  constructor(port) {
    this.socket = net.connect(port, "127.0.0.1");
    this.socket.setNoDelay(true);
    this.waiting = null;
    this.received = Buffer.alloc(0);
    this.socket.on("data", (data) => this.take(data));
    this.socket.on("error", () => {});
    // Without a reply the status is 0.
    this.socket.on("close", () => this.waiting?.({ status: 0, body: "" }));
  }

  take(data) {
    this.received = this.received.length ? Buffer.concat([this.received, data]) : data;
    const end = this.received.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = this.received.toString("latin1", 0, end).toLowerCase();
    const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? 0);
    if (this.received.length < end + 4 + length) return;
    const body = this.received.subarray(end + 4, end + 4 + length).toString();
    this.received = this.received.subarray(end + 4 + length);
    this.waiting({ status: Number(head.slice(9, 12)), body });
  }

  send(method, path, content) {
    const body = content === undefined ? "" : JSON.stringify(content);
    const type = content === undefined ? "" : "Content-Type: application/json\r\n";
    return new Promise((resolve) => {
      this.waiting = resolve;
      this.socket.write(
        `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${type}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    });
  }
}
