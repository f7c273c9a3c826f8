/**
 * The page's words. Owns which language is shown and the particle formatter; en.json is the source of the keys, ko.json
 * must have every one of them (i18n.test.ts). Texts for people live here only: components hold keys, never sentences.
 */
import i18next, { type i18n } from "i18next";
import { initReactI18next } from "react-i18next";
import { isParticlePair, particle } from "../format/particles";
import type { Language } from "../format/time";
import en from "./en.json";
import ko from "./ko.json";

const STORAGE_KEY = "madang.language";

/** The reader's choice if there is one, else the first language of the browser that the page speaks. */
export function preferredLanguage(stored: string | null, wanted: readonly string[]): Language {
  if (stored === "ko" || stored === "en") return stored;
  for (const tag of wanted) {
    const language = tag.toLowerCase().split("-")[0];
    if (language === "ko" || language === "en") return language;
  }
  return "en";
}

/** Makes the translations ready; called once, before the first render. */
export function startTranslations(language: Language): i18n {
  void i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: "en",
    resources: { en: { translation: en }, ko: { translation: ko } },
    // React escapes what it renders.
    interpolation: { escapeValue: false },
    initAsync: false,
  });
  i18next.services.formatter?.add("particle", (value: unknown, _language, options: Record<string, unknown>) => {
    const pair = String(options.pair);
    return isParticlePair(pair) ? particle(String(value), pair) : "";
  });
  document.documentElement.lang = language;
  return i18next;
}

export function storedLanguage(): Language {
  return preferredLanguage(localStorage.getItem(STORAGE_KEY), navigator.languages);
}

export function chooseLanguage(language: Language): void {
  localStorage.setItem(STORAGE_KEY, language);
  document.documentElement.lang = language;
  void i18next.changeLanguage(language);
}
