/**
 * One quiet line while the connection is away or missing messages are fetched. It waits a moment first: a short
 * interruption is nobody's business.
 */
import type { Connection } from "@madang/client";
import { WifiOff } from "lucide-react";
import { useEffect, useState, useSyncExternalStore } from "react";
import { codeWords } from "../../chat/errorWords";
import { useWords } from "../../i18n/useWords";

const QUIET_MS = 1200;

function subscribeNetwork(listener: () => void): () => void {
  window.addEventListener("online", listener);
  window.addEventListener("offline", listener);
  return () => {
    window.removeEventListener("online", listener);
    window.removeEventListener("offline", listener);
  };
}

type Trouble = "offline" | "reconnecting" | "connecting" | "catchingUp" | "refused";

function troubleOf(connection: Connection, behind: boolean, hasNetwork: boolean): Trouble | null {
  if (connection.status === "refused") return "refused";
  if (connection.status === "online") return behind ? "catchingUp" : null;
  if (!hasNetwork) return "offline";
  if (connection.status === "reconnecting") return "reconnecting";
  return connection.status === "connecting" ? "connecting" : null;
}

/** The trouble once it has lasted; refusals are shown at once. */
function useLasting(trouble: Trouble | null): Trouble | null {
  const [lasting, setLasting] = useState(false);
  const present = trouble !== null;
  useEffect(() => {
    if (!present) {
      setLasting(false);
      return;
    }
    const timer = setTimeout(() => setLasting(true), QUIET_MS);
    return () => clearTimeout(timer);
  }, [present]);
  return lasting || trouble === "refused" ? trouble : null;
}

export function ConnectionLine({ connection, behind }: { connection: Connection; behind: boolean }) {
  const { t } = useWords();
  const hasNetwork = useSyncExternalStore(subscribeNetwork, () => navigator.onLine);
  const trouble = useLasting(troubleOf(connection, behind, hasNetwork));
  const sentence =
    trouble === null
      ? null
      : connection.status === "refused"
        ? codeWords(t, connection.reason)
        : t(`connection.${trouble === "refused" ? "reconnecting" : trouble}`);
  return (
    <div role="status" aria-live="polite" data-testid="connection-line" data-trouble={trouble ?? "none"}>
      {sentence !== null && (
        <p className="flex items-center justify-center gap-2 bg-chip px-4 py-1.5 text-center text-[0.8125rem] font-medium text-chip-ink">
          {trouble === "offline" && <WifiOff size={14} aria-hidden="true" />}
          {sentence}
        </p>
      )}
    </div>
  );
}
