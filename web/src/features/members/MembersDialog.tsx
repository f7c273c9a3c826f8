/** Who is in a group: their role and presence, adding people, removing those one may remove, writing to one of them. */
import type { Client, ConversationState, PublicMember, Role } from "@madang/client";
import { MessageCircle, UserMinus, UserPlus } from "lucide-react";
import { useState } from "react";
import { errorWords } from "../../chat/errorWords";
import { useWords } from "../../i18n/useWords";
import { Avatar } from "../../ui/Avatar";
import { Button, IconButton } from "../../ui/Button";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { Dialog } from "../../ui/Dialog";
import { Spinner } from "../../ui/Spinner";
import { useMembers } from "./useMembers";

interface MembersDialogProps {
  client: Client;
  conversation: ConversationState;
  meId: string;
  online: ReadonlySet<string>;
  onAdd: () => void;
  /** Opens the direct conversation with a user. */
  onWrite: (userId: string) => void;
  onClose: () => void;
}

const RANK: Record<Role, number> = { member: 0, admin: 1, owner: 2 };

/** The server decides; this only hides what it would refuse. */
function mayRemove(mine: Role, member: PublicMember, meId: string): boolean {
  return member.user.id !== meId && RANK[mine] > RANK.member && RANK[mine] > RANK[member.role];
}

function byRankAndName(meId: string, language: string): (a: PublicMember, b: PublicMember) => number {
  const names = new Intl.Collator(language);
  return (a, b) =>
    Number(b.user.id === meId) - Number(a.user.id === meId) ||
    RANK[b.role] - RANK[a.role] ||
    names.compare(a.user.name, b.user.name);
}

interface MemberRowProps {
  member: PublicMember;
  mine: Role;
  meId: string;
  online: boolean;
  onWrite: () => void;
  onRemove: () => void;
}

function MemberRow({ member, mine, meId, online, onWrite, onRemove }: MemberRowProps) {
  const { t } = useWords();
  const { user, role } = member;
  const me = user.id === meId;
  return (
    <li className="flex items-center gap-3 rounded-xl px-3 py-1.5" data-testid="member">
      <span className="relative">
        <Avatar face={user} size={2.5} />
        {online && <span className="presence-dot" role="img" aria-label={t("list.online")} />}
      </span>
      <span className="min-w-0 flex-1 truncate font-medium">
        {user.name}
        {me && <span className="ml-1.5 rounded-full bg-sunken px-2 py-0.5 text-xs text-soft">{t("members.you")}</span>}
        {role !== "member" && (
          <span className="ml-1.5 rounded-full bg-jade-soft px-2 py-0.5 text-xs font-semibold text-jade">
            {t(role === "owner" ? "members.owner" : "members.admin")}
          </span>
        )}
      </span>
      {!me && (
        <IconButton label={t("members.message", { name: user.name })} onClick={onWrite}>
          <MessageCircle size={18} />
        </IconButton>
      )}
      {mayRemove(mine, member, meId) && (
        <IconButton label={t("members.remove", { name: user.name })} onClick={onRemove} data-testid="remove-member">
          <UserMinus size={18} />
        </IconButton>
      )}
    </li>
  );
}

function useRemoval(client: Client, conversationId: string) {
  const { t } = useWords();
  const [leaving, setLeaving] = useState<PublicMember | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const remove = async () => {
    if (leaving === null) return;
    try {
      await client.removeMember(conversationId, leaving.user.id);
      setProblem(null);
    } catch (error) {
      setProblem(errorWords(t, error));
    }
    setLeaving(null);
  };
  return { leaving, setLeaving, problem, remove };
}

export function MembersDialog({ client, conversation, meId, online, onAdd, onWrite, onClose }: MembersDialogProps) {
  const { t, language } = useWords();
  const { people, loading, error, more } = useMembers(client, conversation);
  const { leaving, setLeaving, problem, remove } = useRemoval(client, conversation.id);
  const sorted = [...people].sort(byRankAndName(meId, language));
  return (
    <Dialog title={t("room.membersTitle")} onClose={onClose} testId="members-dialog">
      <div className="px-5 pb-2">
        <Button look="quiet" className="w-full" onClick={onAdd} data-testid="add-members">
          <UserPlus size={18} aria-hidden="true" />
          {t("members.add")}
        </Button>
        <p role="alert" className="pt-2 text-sm text-persimmon empty:hidden">
          {problem ?? (error === null ? null : `${t("members.failed")} ${errorWords(t, error)}`)}
        </p>
      </div>
      <ul className="min-h-32 overflow-y-auto px-2 pb-4">
        {sorted.map((member) => (
          <MemberRow
            key={member.user.id}
            member={member}
            mine={conversation.summary.me.role}
            meId={meId}
            online={online.has(member.user.id)}
            onWrite={() => onWrite(member.user.id)}
            onRemove={() => setLeaving(member)}
          />
        ))}
        {loading && (
          <li className="grid place-items-center py-6 text-faint">
            <Spinner label={t("members.loading")} />
          </li>
        )}
        {more !== null && !loading && (
          <li className="px-3 pt-2">
            <Button look="quiet" className="w-full" onClick={more}>
              {t("members.more")}
            </Button>
          </li>
        )}
      </ul>
      {leaving !== null && (
        <ConfirmDialog
          title={t("members.removeTitle", { name: leaving.user.name })}
          text={t("members.removeText", { name: leaving.user.name })}
          confirm={t("members.removeConfirm")}
          onConfirm={() => void remove()}
          onClose={() => setLeaving(null)}
        />
      )}
    </Dialog>
  );
}
