/**
 * The door: sign in, sign up, or open an empty server as its administrator. Owns which of the three is shown and turns
 * refusals into words; the session itself belongs to the client.
 */
import { ApiError, type Client, type PublicConfig } from "@madang/client";
import { ShieldCheck } from "lucide-react";
import { useState } from "react";
import { errorCode, errorWords } from "../../chat/errorWords";
import { useWords } from "../../i18n/useWords";
import { Logo } from "../../ui/Logo";
import { DoorPicture } from "./DoorPicture";
import { type Mode, type Refusal, SessionForm } from "./SessionForm";
import { type Account, refusedFields } from "./validation";

interface SessionPageProps {
  client: Client;
  config: PublicConfig;
  /** Why the last session ended, in words; null on a first visit. */
  ended: string | null;
}

function useAttempt(client: Client) {
  const { t } = useWords();
  return async (mode: Mode, account: Account): Promise<Refusal | null> => {
    const username = account.username.trim().toLowerCase();
    try {
      if (mode === "signIn") await client.login({ username, password: account.password });
      else await client.register({ username, password: account.password, name: account.name.trim() });
      return null;
    } catch (error) {
      const code = errorCode(error);
      if (mode === "signIn") {
        const wrong = code === "unauthenticated" || code === "invalid" || code === "not_found";
        if (wrong) return { problems: {}, sentence: t("session.wrong"), suspect: "password" };
        return { problems: {}, sentence: errorWords(t, error) };
      }
      const problems = refusedFields(code, error instanceof ApiError ? error.details : {});
      return { problems, sentence: Object.keys(problems).length > 0 ? null : errorWords(t, error) };
    }
  };
}

export function SessionPage({ client, config, ended }: SessionPageProps) {
  const { t } = useWords();
  const attempt = useAttempt(client);
  const mayRegister = config.firstAccount || config.registration !== "closed";
  const [mode, setMode] = useState<Mode>(config.firstAccount ? "signUp" : "signIn");
  const title = config.firstAccount ? "session.firstTitle" : (`session.${mode}Title` as const);
  return (
    <div className="grid min-h-full grid-rows-[auto_1fr] md:grid-cols-[1.1fr_1fr] md:grid-rows-1">
      <DoorPicture />
      <main className="flex items-start justify-center px-6 py-10 md:items-center">
        <div className="w-full max-w-90">
          <Logo className="mb-5 size-14 md:hidden" />
          <h1 className="text-[1.625rem] leading-tight font-extrabold tracking-tight">{t(title)}</h1>
          <p className="mt-1.5 mb-6 text-soft">{ended ?? t("session.welcome")}</p>
          {config.firstAccount && (
            <p
              className="mb-5 flex gap-3 rounded-2xl bg-jade-soft p-4 text-sm leading-relaxed text-ink"
              data-testid="first-account"
            >
              <ShieldCheck size={20} className="mt-0.5 flex-none text-jade" aria-hidden="true" />
              {t("session.firstAccount")}
            </p>
          )}
          <SessionForm key={mode} mode={mode} limits={config.limits} onSubmit={attempt} />
          {mayRegister && !config.firstAccount && (
            <button
              type="button"
              className="mt-5 w-full rounded-lg py-2 text-sm font-semibold text-jade hover:underline"
              data-testid="session-switch"
              onClick={() => setMode(mode === "signIn" ? "signUp" : "signIn")}
            >
              {t(mode === "signIn" ? "session.toSignUp" : "session.toSignIn")}
            </button>
          )}
          {!mayRegister && <p className="mt-5 text-center text-sm text-faint">{t("session.closed")}</p>}
        </div>
      </main>
    </div>
  );
}
