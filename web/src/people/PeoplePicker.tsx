/**
 * Finds people and chooses some of them. Used to begin a chat and to add members. Owns the search; the choice belongs to the
 * caller, because what may be chosen and what happens next differ.
 */
import type { User } from "@madang/client";
import { Check, Search as SearchIcon, X } from "lucide-react";
import { useState } from "react";
import { errorWords } from "../chat/errorWords";
import { useWords } from "../i18n/useWords";
import { Avatar } from "../ui/Avatar";
import { type Found, type Search, usePeopleSearch } from "./usePeopleSearch";

interface PeoplePickerProps {
  search: Search;
  /** Never offered: oneself, people who are in already. */
  without: ReadonlySet<string>;
  chosen: readonly User[];
  onChange: (chosen: readonly User[]) => void;
}

function Chosen({ chosen, onChange }: Pick<PeoplePickerProps, "chosen" | "onChange">) {
  const { t } = useWords();
  if (chosen.length === 0) return null;
  return (
    <ul className="flex max-h-24 flex-wrap gap-1.5 overflow-y-auto px-5 pt-3" aria-label={t("newChat.chosen")}>
      {chosen.map((user) => (
        <li key={user.id}>
          <button
            type="button"
            className="inline-flex min-h-8 items-center gap-1.5 rounded-full bg-jade-soft py-1 pr-2.5 pl-1 text-sm font-semibold text-ink"
            aria-label={t("newChat.remove", { name: user.name })}
            onClick={() => onChange(chosen.filter((one) => one.id !== user.id))}
          >
            <Avatar face={user} size={1.5} />
            {user.name}
            <X size={14} aria-hidden="true" />
          </button>
        </li>
      ))}
    </ul>
  );
}

function Person({ user, picked, onToggle }: { user: User; picked: boolean; onToggle: () => void }) {
  return (
    <li>
      <label
        className="flex cursor-pointer items-center gap-3 rounded-xl px-3 py-2 hover:bg-hover has-focus-visible:outline-2 has-focus-visible:outline-jade"
        data-testid="person"
      >
        <Avatar face={user} size={2.5} />
        <span className="min-w-0 flex-1">
          <span className="block truncate font-semibold">{user.name}</span>
          {<span className="block truncate text-[0.8125rem] text-faint">@{user.username}</span>}
        </span>
        <input type="checkbox" className="peer sr-only" checked={picked} onChange={onToggle} />
        <span
          className={`grid size-6 flex-none place-items-center rounded-full border-2 ${picked ? "border-jade bg-jade text-jade-ink" : "border-line"}`}
          aria-hidden="true"
        >
          {picked && <Check size={15} strokeWidth={3} />}
        </span>
      </label>
    </li>
  );
}

function Outcome({ found, people, query }: { found: Found; people: readonly User[]; query: string }) {
  const { t } = useWords();
  const sentence =
    found.status === "failed"
      ? errorWords(t, found.error)
      : found.status === "searching"
        ? t("newChat.searching")
        : people.length > 0
          ? t("newChat.resultCount", { count: people.length })
          : query.trim() === ""
            ? t("newChat.nobody")
            : t("newChat.none", { query: query.trim() });
  const spokenOnly = people.length > 0 && found.status !== "failed";
  return (
    <p role="status" className={spokenOnly ? "sr-only" : "px-3 py-8 text-center text-soft"} data-testid="people-status">
      {sentence}
    </p>
  );
}

export function PeoplePicker({ search, without, chosen, onChange }: PeoplePickerProps) {
  const { t } = useWords();
  const [query, setQuery] = useState("");
  const found = usePeopleSearch(search, query);
  const people = found.people.filter((user) => !without.has(user.id));
  const picked = new Set(chosen.map((user) => user.id));
  const toggle = (user: User) =>
    onChange(picked.has(user.id) ? chosen.filter((one) => one.id !== user.id) : [...chosen, user]);
  return (
    <>
      <div className="relative mx-5">
        <SearchIcon
          size={17}
          className="pointer-events-none absolute top-1/2 left-3 -translate-y-1/2 text-faint"
          aria-hidden="true"
        />
        <input
          type="search"
          className="min-h-11 w-full rounded-xl bg-sunken pr-3 pl-9.5 text-base text-ink placeholder:text-faint"
          aria-label={t("newChat.search")}
          placeholder={t("newChat.search")}
          data-autofocus=""
          value={query}
          onChange={(event) => setQuery(event.target.value)}
          data-testid="people-search"
        />
      </div>
      <Chosen chosen={chosen} onChange={onChange} />
      <ul className="min-h-40 flex-1 overflow-y-auto px-2 py-2" aria-label={t("newChat.results")}>
        {people.map((user) => (
          <Person key={user.id} user={user} picked={picked.has(user.id)} onToggle={() => toggle(user)} />
        ))}
        <li className="list-none">
          <Outcome found={found} people={people} query={query} />
        </li>
      </ul>
    </>
  );
}
