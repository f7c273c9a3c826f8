/** Chooses what stands on the page: the door, a moment of waiting, or the conversations. */
import type { Client, PublicConfig, SignedOutReason } from "@madang/client";
import { useClient, useMadang } from "@madang/react";
import { useEffect, useState } from "react";
import { dropDrafts } from "../chat/drafts";
import { codeWords, errorWords } from "../chat/errorWords";
import { SessionPage } from "../features/session/SessionPage";
import { useWords } from "../i18n/useWords";
import { Button } from "../ui/Button";
import { Logo } from "../ui/Logo";
import { useKnownAddress } from "./useKnownAddress";
import { Workspace } from "./Workspace";

type Config = { status: "asking" } | { status: "here"; config: PublicConfig } | { status: "failed"; error: unknown };

/** What anybody may know before signing in; asked anew whenever the door is shown, because the first account changes it. */
function useConfig(client: Client): { config: Config; ask: () => void } {
  const [config, setConfig] = useState<Config>({ status: "asking" });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let current = round >= 0;
    client.api.config().then(
      (here) => current && setConfig({ status: "here", config: here }),
      (error: unknown) => current && setConfig({ status: "failed", error }),
    );
    return () => {
      current = false;
    };
  }, [client, round]);
  return { config, ask: () => setRound((was) => was + 1) };
}

function Waiting({ sentence, onRetry }: { sentence: string; onRetry: (() => void) | null }) {
  const { t } = useWords();
  return (
    <main className="grid h-full place-items-center p-6 text-center" data-testid="waiting">
      <div className="flex flex-col items-center gap-5">
        <Logo className="size-16 motion-safe:animate-pulse" />
        <p role="status" className="text-soft">
          {sentence}
        </p>
        {onRetry !== null && <Button onClick={onRetry}>{t("app.retry")}</Button>}
      </div>
    </main>
  );
}

function Door({ reason }: { reason: SignedOutReason }) {
  const { t } = useWords();
  const client = useClient();
  const { config, ask } = useConfig(client);
  if (config.status === "asking") return <Waiting sentence={t("app.loading")} onRetry={null} />;
  if (config.status === "failed") return <Waiting sentence={errorWords(t, config.error)} onRetry={ask} />;
  const ended = reason === "none" ? null : t(`session.ended.${reason}`);
  return <SessionPage client={client} config={config.config} ended={ended} />;
}

/** Whoever comes next finds nothing of whoever was here before, however the session ended and whichever tab it was in. */
function useOwnDraftsOnly(storage: Storage): void {
  const signedOut = useMadang((state) => state.connection.status === "signed-out");
  const userId = useMadang((state) => state.me?.id ?? null);
  useEffect(() => {
    if (signedOut || userId !== null) dropDrafts(storage, signedOut ? null : userId);
  }, [storage, signedOut, userId]);
}

export function App({ storage }: { storage: Storage }) {
  const { t } = useWords();
  const client = useClient();
  const connection = useMadang((state) => state.connection);
  const me = useMadang((state) => state.me);
  useOwnDraftsOnly(storage);
  useKnownAddress();
  if (connection.status === "signed-out") return <Door reason={connection.reason} />;
  if (me !== null) return <Workspace key={me.id} storage={storage} me={me} />;
  if (connection.status === "refused") return <Waiting sentence={codeWords(t, connection.reason)} onRetry={null} />;
  const away = connection.status === "reconnecting";
  return <Waiting sentence={t("app.loading")} onRetry={away ? () => client.reconnectNow() : null} />;
}
