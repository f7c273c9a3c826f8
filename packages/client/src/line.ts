/**
 * What the parts of the client send over, without knowing of sockets.
 *
 * Owns the types of a request and its answer. A request resolves with the server's answer, whatever it says, and rejects only
 * when there was none: 10 s without an ack, or no connection.
 */
import type { AckFailure, ClientToServerEvents } from "./generated/contract.ts";

export type ClientEvent = keyof ClientToServerEvents;
export type Payload<E extends ClientEvent> = Parameters<ClientToServerEvents[E]>[0];
export type Answer<E extends ClientEvent> = Parameters<NonNullable<Parameters<ClientToServerEvents[E]>[1]>>[0];
export type Success<E extends ClientEvent> = Exclude<Answer<E>, AckFailure>;

export interface Line {
  request<E extends ClientEvent>(event: E, payload: Payload<E>): Promise<Answer<E>>;
  /** Sent only if it can leave now; lost otherwise. */
  hint(event: "typing:start" | "typing:stop", conversationId: string): void;
}

/** How long a request waits for its ack, ms. */
export const ACK_TIMEOUT_MS = 10_000;
