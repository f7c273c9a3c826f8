/** The left pane: one's conversations with a filter. Owns the filter's text; rows and order come from the client's state. */
import type { State } from "@madang/client";
import { MessageCirclePlus, Search } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import type { SentenceContext } from "../../chat/systemSentence";
import { conversationTitle, isNotes } from "../../chat/titles";
import { useToday } from "../../format/useToday";
import { Button, IconButton } from "../../ui/Button";
import { Spinner } from "../../ui/Spinner";
import { ConversationRow, NotesFace } from "./ConversationRow";
import { listEntries } from "./listEntries";

export interface ConversationListProps {
  state: Pick<State, "conversations" | "order" | "listComplete" | "online">;
  sentences: SentenceContext;
  drafts: ReadonlyMap<string, string>;
  openId: string | null;
  /** Stands at the left of the title: one's own account. */
  account: ReactNode;
  onNewChat: () => void;
  onOpenNotes: () => void;
}

function Filter({ value, onChange, label }: { value: string; onChange: (value: string) => void; label: string }) {
  return (
    <div className="relative mx-3 mb-2">
      <Search
        size={17}
        className="pointer-events-none absolute top-1/2 left-3 -translate-y-1/2 text-faint"
        aria-hidden="true"
      />
      <input
        type="search"
        className="min-h-10 w-full rounded-xl bg-sunken pr-3 pl-9.5 text-ink placeholder:text-faint"
        aria-label={label}
        placeholder={label}
        value={value}
        data-testid="conversation-filter"
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}

/** Notes to self before the first note: the conversation is made when it is opened. */
function FirstNotes({ sentences, onOpen }: { sentences: SentenceContext; onOpen: () => void }) {
  const { t } = sentences;
  return (
    <li>
      <button
        type="button"
        className="flex w-full items-center gap-3 rounded-2xl px-2.5 py-2.5 text-left transition-colors hover:bg-hover"
        data-testid="notes-to-self"
        onClick={onOpen}
      >
        <NotesFace size={3} />
        <span className="min-w-0 flex-1">
          <span className="block font-semibold">{t("list.notes")}</span>
          <span className="block text-[0.84375rem] text-soft">{t("list.notesHint")}</span>
        </span>
      </button>
    </li>
  );
}

function useEntries({ state, sentences, drafts, openId }: ConversationListProps, query: string) {
  const { t, meId } = sentences;
  return useMemo(() => {
    const titleOf = (summary: Parameters<typeof conversationTitle>[0]) => conversationTitle(summary, meId, t);
    return listEntries(state, meId, { query, openId, drafts, titleOf });
  }, [state, meId, t, query, openId, drafts]);
}

export function ConversationList(props: ConversationListProps) {
  const { state, sentences, drafts, openId } = props;
  const { t, meId } = sentences;
  const [query, setQuery] = useState("");
  const today = useToday();
  const entries = useEntries(props, query);
  const hasNotes = Array.from(state.conversations.values()).some(({ summary }) => isNotes(summary, meId));
  const showNotes = !hasNotes && state.listComplete && query === "";
  return (
    <nav
      className="flex h-full min-h-0 flex-col bg-paper"
      aria-label={t("list.landmark")}
      data-testid="conversation-list"
    >
      <header className="flex items-center gap-2 px-3 pt-3 pb-2">
        <h1 className="flex-1 pl-1.5 text-[1.375rem] font-extrabold tracking-tight">{t("list.title")}</h1>
        <IconButton label={t("list.newChat")} onClick={props.onNewChat} data-testid="new-chat">
          <MessageCirclePlus size={22} />
        </IconButton>
        {props.account}
      </header>
      <Filter value={query} onChange={setQuery} label={t("list.filter")} />
      <ul className="min-h-0 flex-1 overflow-y-auto px-1.5 pb-4">
        {showNotes && <FirstNotes sentences={sentences} onOpen={props.onOpenNotes} />}
        {entries.map((conversation) => (
          <ConversationRow
            key={conversation.id}
            conversation={conversation}
            sentences={sentences}
            draft={conversation.id === openId ? undefined : drafts.get(conversation.id)}
            online={conversation.summary.type === "direct" && state.online.has(conversation.summary.peer?.id ?? "")}
            open={conversation.id === openId}
            now={today}
          />
        ))}
        {!state.listComplete && (
          <li className="grid place-items-center py-6 text-faint">
            <Spinner label={t("app.loading")} />
          </li>
        )}
        {query !== "" && entries.length === 0 && (
          <li className="px-4 py-8 text-center text-soft">{t("list.filterNone", { query })}</li>
        )}
        {state.listComplete && query === "" && entries.every(({ summary }) => isNotes(summary, meId)) && (
          <li className="flex flex-col items-center gap-4 px-6 py-10 text-center text-soft" data-testid="list-empty">
            {t("list.empty")}
            <Button look="quiet" onClick={props.onNewChat}>
              {t("list.begin")}
            </Button>
          </li>
        )}
      </ul>
    </nav>
  );
}
