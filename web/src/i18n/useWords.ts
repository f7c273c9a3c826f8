/** The translation function together with the language it speaks, for components that also format times. */
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import type { Language } from "../format/time";

export interface Words {
  t: TFunction;
  language: Language;
}

export function useWords(): Words {
  const { t, i18n } = useTranslation();
  return { t, language: i18n.language === "ko" ? "ko" : "en" };
}
