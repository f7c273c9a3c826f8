/**
 * The signed-in page: the list and one room, side by side on wide screens, one after the other on a phone. Owns which
 * conversation is open (the address) and which dialog; everything else belongs to the features it puts together.
 */
import type { Client, Summary, User } from "@madang/client";
import { useClient, useMadang } from "@madang/react";
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { useLocation, useRoute } from "wouter";
import { Drafts } from "../chat/drafts";
import { errorWords } from "../chat/errorWords";
import { PeopleNames } from "../chat/peopleNames";
import type { SentenceContext } from "../chat/systemSentence";
import { AccountMenu } from "../features/account/AccountMenu";
import { ConnectionLine } from "../features/connection/ConnectionLine";
import { ConversationList, type ConversationListProps } from "../features/conversations/ConversationList";
import { NewChatDialog } from "../features/newChat/NewChatDialog";
import { useWords } from "../i18n/useWords";
import { afterBack } from "../ui/backEntries";
import { Notice } from "../ui/Notice";
import { EmptyRoom } from "./EmptyRoom";
import { RoomScreen } from "./RoomScreen";
import { usePresence } from "./usePresence";
import { useReturnFocus } from "./useReturnFocus";
import { useUnreadTitle } from "./useUnreadTitle";

interface WorkspaceProps {
  /** Where drafts are kept. */
  storage: Storage;
  me: User;
}

function useSentences(me: User): SentenceContext {
  const { t, language } = useWords();
  const client = useClient();
  const users = useMadang((state) => state.users);
  const [strangers] = useState(() => new PeopleNames((id) => client.api.user(id)));
  const names = useSyncExternalStore(strangers.subscribe, strangers.getSnapshot);
  return useMemo(() => {
    const nameOf = (id: string) => {
      const name = users.get(id)?.name ?? names.get(id);
      if (name === undefined) strangers.want(id);
      return name ?? t("list.unknownPerson");
    };
    return { t, language, meId: me.id, nameOf };
  }, [t, language, me.id, users, names, strangers]);
}

/** The drafts of whoever is signed in, without those of rooms they are not in any more. */
function useDrafts(storage: Storage, me: User): Drafts {
  const [drafts] = useState(() => new Drafts(storage, me.id));
  const conversations = useMadang((state) => state.conversations);
  const listComplete = useMadang((state) => state.listComplete);
  useEffect(() => {
    if (listComplete) drafts.keepOnly(conversations);
  }, [drafts, conversations, listComplete]);
  return drafts;
}

function useActions(client: Client, go: (path: string) => void) {
  const { t } = useWords();
  const [problem, setProblem] = useState<string | null>(null);
  const openDirect = useCallback(
    (userId: string) => {
      client.createDirect(userId).then(
        (summary) => afterBack(() => go(`/c/${summary.id}`)),
        (error: unknown) => setProblem(errorWords(t, error)),
      );
    },
    [client, go, t],
  );
  const signOut = useCallback(() => {
    go("/");
    client.logout().catch((error: unknown) => setProblem(errorWords(t, error)));
  }, [client, go, t]);
  const dismiss = useCallback(() => setProblem(null), []);
  return { problem, setProblem, dismiss, openDirect, signOut };
}

function List({ sentences, ...rest }: Omit<ConversationListProps, "state">) {
  const conversations = useMadang((state) => state.conversations);
  const order = useMadang((state) => state.order);
  const listComplete = useMadang((state) => state.listComplete);
  const online = usePresence();
  return <ConversationList state={{ conversations, order, listComplete, online }} sentences={sentences} {...rest} />;
}

function Line({ openId }: { openId: string | null }) {
  const connection = useMadang((state) => state.connection);
  const behind = useMadang((state) => openId !== null && state.conversations.get(openId)?.behind === true);
  return <ConnectionLine connection={connection} behind={behind} />;
}

export function Workspace({ storage, me }: WorkspaceProps) {
  const client = useClient();
  const [, go] = useLocation();
  const [inRoom, params] = useRoute("/c/:id");
  const openId = inRoom ? (params.id ?? null) : null;
  const [choosing, setChoosing] = useState(false);
  const sentences = useSentences(me);
  const drafts = useDrafts(storage, me);
  const texts = useSyncExternalStore(drafts.subscribe, drafts.getSnapshot);
  const { problem, setProblem, dismiss, openDirect, signOut } = useActions(client, go);
  useUnreadTitle();
  useReturnFocus(openId);
  const openMade = (summary: Summary) => {
    setChoosing(false);
    // In place of the dialog's own entry.
    go(`/c/${summary.id}`, { replace: true });
  };
  const room = { drafts, sentences, onWrite: openDirect, onProblem: setProblem };
  return (
    <div className="flex h-dvh flex-col overflow-hidden">
      <Line openId={openId} />
      <div className="grid min-h-0 flex-1 md:grid-cols-[minmax(17rem,23rem)_1fr]">
        <div className={`min-h-0 min-w-0 border-line md:border-r ${openId === null ? "" : "max-md:hidden"}`}>
          <List
            sentences={sentences}
            drafts={texts}
            openId={openId}
            account={<AccountMenu me={me} onSignOut={signOut} />}
            onNewChat={() => setChoosing(true)}
            onOpenNotes={() => openDirect(me.id)}
          />
        </div>
        <main className={`flex min-h-0 min-w-0 flex-col ${openId === null ? "max-md:hidden" : ""}`}>
          {openId === null ? <EmptyRoom /> : <RoomScreen key={openId} id={openId} {...room} />}
        </main>
      </div>
      {choosing && <NewChatDialog client={client} meId={me.id} onClose={() => setChoosing(false)} onMade={openMade} />}
      <Notice text={problem} onDismiss={dismiss} />
    </div>
  );
}
