/** One's own account: who is signed in, light or dark, Korean or English, signing out. */
import type { User } from "@madang/client";
import { Languages, LogOut, Monitor, Moon, Sun } from "lucide-react";
import { useState } from "react";
import { chooseLanguage } from "../../i18n/i18n";
import { useWords } from "../../i18n/useWords";
import { Avatar } from "../../ui/Avatar";
import { Menu, type MenuEntry } from "../../ui/Menu";
import { chooseTheme, storedTheme, type Theme } from "./appearance";

interface AccountMenuProps {
  me: User;
  onSignOut: () => void;
}

const THEMES = [
  { theme: "system", icon: <Monitor size={18} />, key: "account.themeSystem" },
  { theme: "light", icon: <Sun size={18} />, key: "account.themeLight" },
  { theme: "dark", icon: <Moon size={18} />, key: "account.themeDark" },
] as const;

function useEntries(onSignOut: () => void): MenuEntry[] {
  const { t, language } = useWords();
  const [theme, setTheme] = useState<Theme>(storedTheme);
  const themes = THEMES.map(
    (entry): MenuEntry => ({
      label: t(entry.key),
      icon: entry.icon,
      chosen: theme === entry.theme,
      onChoose: () => {
        chooseTheme(entry.theme);
        setTheme(entry.theme);
      },
    }),
  );
  const other = language === "ko" ? "en" : "ko";
  return [
    ...themes,
    {
      // In the language it switches to, so that whoever needs it can read it.
      label: other === "ko" ? "한국어로 보기" : "Switch to English",
      icon: <Languages size={18} />,
      onChoose: () => chooseLanguage(other),
    },
    { label: t("account.signOut"), icon: <LogOut size={18} />, onChoose: onSignOut },
  ];
}

export function AccountMenu({ me, onSignOut }: AccountMenuProps) {
  const { t } = useWords();
  const entries = useEntries(onSignOut);
  return (
    <Menu
      label={t("account.menu")}
      icon={<Avatar face={me} size={2} />}
      entries={entries}
      testId="account-menu"
      head={
        <div
          className="mb-1 flex items-center gap-3 border-b border-line px-2.5 pt-1.5 pb-3"
          data-testid="account-name"
        >
          <Avatar face={me} size={2.5} />
          <span className="min-w-0">
            <span className="block truncate font-semibold">{me.name}</span>
            {<span className="block truncate text-[0.8125rem] text-faint">@{me.username}</span>}
          </span>
        </div>
      }
    />
  );
}
