/**
 * A Madang server of its own for a test, with a cable that can be cut, and people who are signed up on it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Client, ClientOptions, State } from "../../src/index.ts";
import { createClient } from "../../src/index.ts";

const MADANG = fileURLToPath(new URL("../../../../.venv/bin/madang", import.meta.url));

/** Why these tests cannot run here, or null. */
export const missing: string | null = existsSync(MADANG)
  ? null
  : "the virtual environment is missing: `make setup` makes .venv with the server in it";

export class RealServer {
  readonly #data = mkdtempSync(join(tmpdir(), "madang-client-"));
  readonly #settings: Readonly<Record<string, string>>;
  #process: ChildProcess | null = null;
  #port = 0;

  /** `settings` are environment variables of the server. */
  constructor(settings: Readonly<Record<string, string>> = {}) {
    this.#settings = settings;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts on a free port; after a stop, on the port it had and with the data it had. */
  async start(): Promise<void> {
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith("MADANG_"));
    const server = spawn(MADANG, ["serve", "--port", String(this.#port), "--data", this.#data], {
      env: { ...Object.fromEntries(clean), MADANG_SEND_RATE: "0", ...this.#settings },
    });
    this.#process = server;
    let said = "";
    await new Promise<void>((resolve, reject) => {
      const hear = (text: Buffer): void => {
        said += text;
        const port = /is ready: http:\/\/127\.0\.0\.1:(\d+)/.exec(said)?.[1];
        if (port === undefined) return;
        this.#port = Number(port);
        resolve();
      };
      server.stdout.on("data", hear);
      server.stderr.on("data", hear);
      server.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${said}`)));
    });
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const server = this.#process;
    this.#process = null;
    if (server === null || server.exitCode !== null) return;
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill(signal);
    await ended;
  }

  async remove(): Promise<void> {
    await this.stop("SIGKILL");
    rmSync(this.#data, { recursive: true, force: true });
  }
}

/** A TCP line to the server that can be cut, or lose what the server says. */
export class Cable {
  /** While false, nobody gets through. */
  plugged = true;
  /** While true, what the server says is lost, and the client hears silence. */
  deaf = false;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(target: RealServer) {
    this.#server = createServer((near) => {
      if (!this.plugged) return void near.destroy();
      const far = connect(target.port, "127.0.0.1");
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on("error", () => socket.destroy());
        socket.on("close", () => {
          this.#sockets.delete(socket);
          near.destroy();
          far.destroy();
        });
      }
      near.on("data", (data) => far.write(data));
      far.on("data", (data) => void (this.deaf || near.write(data)));
    });
  }

  async lay(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    this.plugged = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  plug(): void {
    this.deaf = false;
    this.plugged = true;
  }

  remove(): void {
    this.cut();
    this.#server.close();
  }
}

export interface Account {
  readonly id: string;
  readonly name: string;
  readonly getToken: (refused: string | null) => Promise<string | null>;
}

export async function signUp(server: RealServer, name: string): Promise<Account> {
  const signedIn = await post(server, "register", { username: name, password: `${name} likes long words`, name });
  let { accessToken, refreshToken } = signedIn;
  const getToken = async (refused: string | null): Promise<string> => {
    if (refused === accessToken) ({ accessToken, refreshToken } = await post(server, "refresh", { refreshToken }));
    return accessToken;
  };
  return { id: signedIn.user.id, name, getToken };
}

interface Tokens {
  readonly user: { readonly id: string };
  readonly accessToken: string;
  readonly refreshToken: string;
}

async function post(server: RealServer, path: string, body: object): Promise<Tokens> {
  const response = await fetch(`${server.url}/api/auth/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-madang-csrf": "1" },
    body: JSON.stringify({ ...body, cookies: false }),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Tokens;
}

/** A started client that is online. */
export async function connected(account: Account, url: string, options: ClientOptions = {}): Promise<Client> {
  const client = createClient({ url, auth: { kind: "token", getToken: account.getToken }, ...options });
  await client.start();
  await until(client, (state) => state.connection.status === "online");
  return client;
}

/** Resolves with what `look` finds in the state, as soon as it finds something. */
export async function until<T>(client: Client, look: (state: State) => T, ms = 8_000): Promise<NonNullable<T>> {
  const found = (): NonNullable<T> | null => {
    const value = look(client.store.getSnapshot());
    return value === false ? null : (value ?? null);
  };
  return new Promise((resolve, reject) => {
    let stop = (): void => undefined;
    const timer = setTimeout(() => {
      stop();
      const { connection, order } = client.store.getSnapshot();
      reject(new Error(`not within ${ms} ms: ${look}; ${JSON.stringify({ connection, order })}`));
    }, ms);
    const check = (): void => {
      const value = found();
      if (value === null) return;
      clearTimeout(timer);
      stop();
      resolve(value);
    };
    stop = client.store.subscribe(check);
    check();
  });
}
