/** Sends an address that names nothing on to the start page, so that what is shown and what is in the address bar agree. */
import { useEffect } from "react";
import { useLocation, useRoute } from "wouter";

export function useKnownAddress(): void {
  const [path, go] = useLocation();
  const [inRoom] = useRoute("/c/:id");
  const known = inRoom || path === "/";
  useEffect(() => {
    if (!known) go("/", { replace: true });
  }, [known, go]);
}
