/** Adds people to a group. */
import type { Client, ConversationState, User } from "@madang/client";
import { useCallback, useMemo, useState } from "react";
import { errorWords } from "../../chat/errorWords";
import { useWords } from "../../i18n/useWords";
import { PeoplePicker } from "../../people/PeoplePicker";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";

interface AddMembersDialogProps {
  client: Client;
  conversation: ConversationState;
  meId: string;
  onClose: () => void;
}

export function AddMembersDialog({ client, conversation, meId, onClose }: AddMembersDialogProps) {
  const { t } = useWords();
  const [chosen, setChosen] = useState<readonly User[]>([]);
  const [problem, setProblem] = useState<string | null>(null);
  const [working, setWorking] = useState(false);
  const search = useCallback((query: string) => client.searchUsers(query), [client]);
  const without = useMemo(() => new Set([meId, ...(conversation.members?.keys() ?? [])]), [meId, conversation.members]);
  const add = async () => {
    setWorking(true);
    try {
      await client.addMembers(
        conversation.id,
        chosen.map((user) => user.id),
      );
      onClose();
    } catch (error) {
      setProblem(errorWords(t, error));
      setWorking(false);
    }
  };
  return (
    <Dialog title={t("members.addTitle")} onClose={onClose} testId="add-members-dialog">
      <PeoplePicker search={search} without={without} chosen={chosen} onChange={setChosen} />
      <div className="space-y-3 border-t border-line p-5">
        <p role="alert" className="text-sm text-persimmon empty:hidden">
          {problem}
        </p>
        <Button
          className="w-full"
          disabled={chosen.length === 0 || working}
          onClick={() => void add()}
          data-testid="add-members-submit"
        >
          {chosen.length === 0 ? t("members.add") : t("members.addSubmit", { count: chosen.length })}
        </Button>
      </div>
    </Dialog>
  );
}
