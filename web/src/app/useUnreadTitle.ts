/** Shows the number of unread messages in the page's title. */
import { useMadang } from "@madang/react";
import { useEffect } from "react";
import { badgeText, unreadTotal } from "../features/conversations/listEntries";
import { useWords } from "../i18n/useWords";

export function useUnreadTitle(): void {
  const { t } = useWords();
  const total = useMadang(unreadTotal);
  useEffect(() => {
    document.title = total === 0 ? t("app.name") : t("app.titleUnread", { unread: badgeText(total) });
    return () => {
      document.title = t("app.name");
    };
  }, [total, t]);
}
