/**
 * Which client the hooks below speak to.
 *
 * Owns nothing: whoever makes the client starts and stops it, so that rendering twice never connects twice.
 */
import type { Client } from "@madang/client";
import { createContext, type ReactNode, useContext } from "react";

const ClientContext = createContext<Client | null>(null);

export function MadangProvider({ client, children }: { client: Client; children: ReactNode }): ReactNode {
  return <ClientContext value={client}>{children}</ClientContext>;
}

/** The client of the nearest provider. Throws without one. */
export function useClient(): Client {
  const client = useContext(ClientContext);
  if (client === null) throw new Error("useClient: no <MadangProvider> above");
  return client;
}
