/**
 * Ids a client chooses: UUID version 7, so that what was written later sorts later.
 *
 * Invariant: an id is chosen once per message and stays for life; a retry never asks for a new one.
 */
import { v7 } from "uuid";

export function newMessageId(): string {
  return v7();
}
