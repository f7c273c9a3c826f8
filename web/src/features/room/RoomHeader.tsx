/** The head of a room: the way back on a phone, who it is with, whether they are here, and the room's menu. */
import type { ConversationState } from "@madang/client";
import { ChevronLeft, LogOut, Menu as MenuIcon, UserPlus, Users } from "lucide-react";
import { useEffect, useRef } from "react";
import { Link } from "wouter";
import type { SentenceContext } from "../../chat/systemSentence";
import { conversationFaces, conversationTitle, isNotes } from "../../chat/titles";
import { Faces } from "../../ui/Avatar";
import { IconButton } from "../../ui/Button";
import { Menu } from "../../ui/Menu";

interface RoomHeaderProps {
  conversation: ConversationState;
  sentences: SentenceContext;
  /** The other person of a direct conversation is here. */
  online: boolean;
  onMembers: () => void;
  onAdd: () => void;
  onLeave: () => void;
}

function GroupActions({ sentences, onMembers, onAdd, onLeave }: Omit<RoomHeaderProps, "conversation" | "online">) {
  const { t } = sentences;
  return (
    <>
      <IconButton label={t("room.openMembers")} onClick={onMembers} data-testid="open-members">
        <Users size={20} />
      </IconButton>
      <Menu
        label={t("room.menu")}
        icon={<MenuIcon size={21} />}
        testId="room-menu"
        entries={[
          { label: t("room.openMembers"), icon: <Users size={18} />, onChoose: onMembers },
          { label: t("members.add"), icon: <UserPlus size={18} />, onChoose: onAdd },
          { label: t("room.leave"), icon: <LogOut size={18} />, danger: true, onChoose: onLeave },
        ]}
      />
    </>
  );
}

/**
 * Takes the focus when the room opens, as the row that was pressed may be out of sight now; where there is a keyboard the
 * composer takes it from here.
 */
function RoomTitle({ title }: { title: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <h2 ref={heading} tabIndex={-1} className="truncate leading-tight font-bold outline-none" data-testid="room-title">
      {title}
    </h2>
  );
}

export function RoomHeader({ conversation, sentences, online, ...actions }: RoomHeaderProps) {
  const { summary } = conversation;
  const { t, meId } = sentences;
  const group = summary.type === "group";
  const notes = isNotes(summary, meId);
  const under = group ? t("list.members", { count: summary.memberCount }) : online && !notes ? t("room.online") : null;
  return (
    <header className="flex min-h-15 flex-none items-center gap-2.5 border-b border-line bg-paper py-1.5 pr-2 pl-2 md:pl-4">
      <Link
        href="/"
        className="grid size-10 place-items-center rounded-xl text-ink hover:bg-hover md:hidden"
        aria-label={t("room.back")}
        data-testid="back"
      >
        <ChevronLeft size={24} aria-hidden="true" />
      </Link>
      {!notes && <Faces faces={conversationFaces(summary, meId)} size={2.5} />}
      <div className="min-w-0 flex-1">
        <RoomTitle title={conversationTitle(summary, meId, t)} />
        {under !== null && (
          <p className="flex items-center gap-1.5 text-[0.8125rem] text-soft" data-testid="room-status">
            {online && !group && <span className="size-2 rounded-full bg-here" aria-hidden="true" />}
            {under}
          </p>
        )}
      </div>
      {group && <GroupActions sentences={sentences} {...actions} />}
    </header>
  );
}
