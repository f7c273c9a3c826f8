/** One open room: head, history, composer and its dialogs. Opens the conversation at the client while it is on the page. */
import type { Client, ConversationState } from "@madang/client";
import { useClient, useConversation, useMadang } from "@madang/react";
import { useCallback, useEffect, useState } from "react";
import { useLocation } from "wouter";
import type { Drafts } from "../chat/drafts";
import { errorWords } from "../chat/errorWords";
import type { SentenceContext } from "../chat/systemSentence";
import { conversationTitle, isNotes } from "../chat/titles";
import { Composer } from "../features/composer/Composer";
import { AddMembersDialog } from "../features/members/AddMembersDialog";
import { MembersDialog } from "../features/members/MembersDialog";
import { RoomHeader } from "../features/room/RoomHeader";
import { Timeline } from "../features/timeline/Timeline";
import { afterBack } from "../ui/backEntries";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { Spinner } from "../ui/Spinner";
import { MissingRoom } from "./MissingRoom";
import { usePresence } from "./usePresence";

interface RoomScreenProps {
  id: string;
  drafts: Drafts;
  sentences: SentenceContext;
  onWrite: (userId: string) => void;
  onProblem: (sentence: string) => void;
}

interface RoomProps extends RoomScreenProps {
  client: Client;
  conversation: ConversationState;
}

/** UTF-16 units of a message before the server has told its own limit. */
const CONTENT_UNITS = 10_000;

type Overlay = "none" | "members" | "add" | "leave";

function RoomOverlay({
  overlay,
  setOverlay,
  ...room
}: RoomProps & { overlay: Overlay; setOverlay: (next: Overlay) => void }) {
  const { client, conversation, id, sentences, onWrite, onProblem } = room;
  const { t, meId } = sentences;
  const [, go] = useLocation();
  const online = usePresence();
  const close = () => setOverlay("none");
  const leave = () => {
    close();
    client.leave(id).then(
      () => afterBack(() => go("/")),
      (error: unknown) => onProblem(errorWords(t, error)),
    );
  };
  switch (overlay) {
    case "none":
      return null;
    case "members":
      return (
        <MembersDialog
          client={client}
          conversation={conversation}
          meId={meId}
          online={online}
          onAdd={() => setOverlay("add")}
          onWrite={(userId) => {
            close();
            onWrite(userId);
          }}
          onClose={close}
        />
      );
    case "add":
      return <AddMembersDialog client={client} conversation={conversation} meId={meId} onClose={close} />;
    case "leave":
      return (
        <ConfirmDialog
          title={t("room.leaveTitle")}
          text={t("room.leaveText")}
          confirm={t("room.leaveConfirm")}
          onConfirm={leave}
          onClose={close}
        />
      );
  }
}

function useRoomActions(client: Client, id: string, quiet: boolean) {
  const onSend = useCallback((content: string) => void client.send(id, { content }), [client, id]);
  const onTyping = useCallback(
    (typing: boolean) => {
      if (!quiet) client.setTyping(id, typing);
    },
    [client, id, quiet],
  );
  useEffect(() => () => client.setTyping(id, false), [client, id]);
  return { onSend, onTyping };
}

function Room(props: RoomProps) {
  const { client, conversation, drafts, id, sentences } = props;
  const { t, meId } = sentences;
  const [overlay, setOverlay] = useState<Overlay>("none");
  const notes = isNotes(conversation.summary, meId);
  const { onSend, onTyping } = useRoomActions(client, id, notes);
  const peerId = conversation.summary.peer?.id;
  const here = usePresence();
  const limit = useMadang((state) => state.limits?.contentUnits ?? CONTENT_UNITS);
  return (
    <section
      className="flex min-h-0 flex-1 flex-col"
      aria-label={t("room.landmark", { name: conversationTitle(conversation.summary, meId, t) })}
      data-testid="room"
      data-conversation-id={id}
    >
      <RoomHeader
        conversation={conversation}
        sentences={sentences}
        online={peerId !== undefined && here.has(peerId)}
        onMembers={() => setOverlay("members")}
        onAdd={() => setOverlay("add")}
        onLeave={() => setOverlay("leave")}
      />
      <Timeline client={client} conversation={conversation} sentences={sentences} notes={notes} />
      <Composer
        conversationId={id}
        placeholder={t(notes ? "composer.placeholderNotes" : "composer.placeholder")}
        drafts={drafts}
        limit={limit}
        onSend={onSend}
        onTyping={onTyping}
      />
      <RoomOverlay {...props} overlay={overlay} setOverlay={setOverlay} />
    </section>
  );
}

export function RoomScreen(props: RoomScreenProps) {
  const client = useClient();
  const conversation = useConversation(props.id);
  const listComplete = useMadang((state) => state.listComplete);
  if (conversation !== undefined) return <Room {...props} client={client} conversation={conversation} />;
  if (listComplete) return <MissingRoom />;
  return (
    <div className="grid flex-1 place-items-center bg-yard text-yard-ink">
      <Spinner label={props.sentences.t("app.loading")} />
    </div>
  );
}
