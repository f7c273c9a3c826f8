// The official JavaScript client, driven line by line: each line of standard input is a command, each line of standard
// output is something that happened. Owns no logic of chat, so that what is tested is the client as it is shipped.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

let socket;
let token;

const tell = (what, fields = {}) => console.log(JSON.stringify({ what, ...fields }, binaryAsText));

function binaryAsText(_key, value) {
  // Buffer has a toJSON, which has run by now
  return value?.type === "Buffer" ? { binary: Buffer.from(value.data).toString("base64") } : value;
}

function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value && typeof value === "object") {
    if (typeof value.binary === "string") return Buffer.from(value.binary, "base64");
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revive(inner)]));
  }
  return value;
}

const commands = {
  connect({ url, path, transports, token: first, headers, options }) {
    token = first;
    socket = io(url, {
      path,
      ...(transports ? { transports } : {}),
      ...(first === undefined ? {} : { auth: (give) => give({ token }) }),
      extraHeaders: headers ?? {},
      reconnectionDelay: 50,
      reconnectionDelayMax: 300,
      ...options,
    });
    socket.on("connect", () =>
      tell("connect", { id: socket.id, transport: socket.io.engine.transport.name }),
    );
    socket.io.engine?.on("upgrade", (transport) => tell("upgrade", { transport: transport.name }));
    socket.io.on("open", () => socket.io.engine.on("upgrade", (transport) => tell("upgrade", { transport: transport.name })));
    socket.io.on("reconnect_attempt", (attempt) => tell("reconnect_attempt", { attempt }));
    socket.on("disconnect", (reason) => tell("disconnect", { reason, active: socket.active }));
    socket.on("connect_error", (error) =>
      tell("connect_error", {
        message: error.message,
        data: error.data ?? null,
        active: socket.active,
        status: error.context?.status ?? error.context?.statusCode ?? null,
      }),
    );
    socket.onAny((event, ...args) => {
      const answer = typeof args.at(-1) === "function" ? args.pop() : undefined;
      tell("event", { event, args });
      if (answer && event !== "silence") answer(event, ...args);
    });
  },
  token({ value }) {
    token = value;
  },
  reconnect() {
    socket.connect();
  },
  emit({ event, args }) {
    socket.emit(event, ...revive(args));
  },
  ask({ number, event, args }) {
    socket.timeout(10_000).emit(event, ...revive(args), (late, ...answer) =>
      tell("answer", { number, late: Boolean(late), answer }),
    );
  },
  drop() {
    socket.io.engine.close();
  },
  stall({ milliseconds }) {
    // a page that hangs: nothing is read, nothing is answered
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
    tell("awake");
  },
  disconnect() {
    socket.disconnect();
  },
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { command, ...fields } = JSON.parse(line);
    commands[command](fields);
  })
  .on("close", () => process.exit(0));
