/** Begins a conversation: one person makes a direct chat, several make a group that may have a name. */
import type { Client, Summary, User } from "@madang/client";
import { useCallback, useMemo, useState } from "react";
import { errorWords } from "../../chat/errorWords";
import { useWords } from "../../i18n/useWords";
import { PeoplePicker } from "../../people/PeoplePicker";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { TextField } from "../../ui/TextField";

interface NewChatDialogProps {
  client: Client;
  meId: string;
  onClose: () => void;
  onMade: (summary: Summary) => void;
}

/** UTF-16 units of a conversation's name; the contract's own limit. */
const NAME_UNITS = 100;

function useStart({ client, onMade }: NewChatDialogProps, chosen: readonly User[], name: string) {
  const { t } = useWords();
  const [problem, setProblem] = useState<string | null>(null);
  const [working, setWorking] = useState(false);
  const start = async () => {
    const [only] = chosen;
    if (only === undefined || working) return;
    setWorking(true);
    setProblem(null);
    try {
      const ids = chosen.map((user) => user.id);
      onMade(
        ids.length === 1 ? await client.createDirect(only.id) : await client.createGroup(name.trim() || null, ids),
      );
    } catch (error) {
      setProblem(errorWords(t, error));
      setWorking(false);
    }
  };
  return { problem, working, start };
}

export function NewChatDialog(props: NewChatDialogProps) {
  const { client, meId, onClose } = props;
  const { t } = useWords();
  const [chosen, setChosen] = useState<readonly User[]>([]);
  const [name, setName] = useState("");
  const { problem, working, start } = useStart(props, chosen, name);
  const search = useCallback((query: string) => client.searchUsers(query), [client]);
  const without = useMemo(() => new Set([meId]), [meId]);
  const group = chosen.length > 1;
  return (
    <Dialog title={t("newChat.title")} onClose={onClose} testId="new-chat-dialog">
      <p className="px-5 pb-3 text-sm text-soft">{t("newChat.hint")}</p>
      <PeoplePicker search={search} without={without} chosen={chosen} onChange={setChosen} />
      <form
        className="space-y-3 border-t border-line p-5"
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        {group && (
          <TextField
            label={t("newChat.groupName")}
            hint={t("newChat.groupNameHint")}
            value={name}
            maxLength={NAME_UNITS}
            onChange={(event) => setName(event.target.value)}
            data-testid="group-name"
          />
        )}
        <p role="alert" className="text-sm text-persimmon empty:hidden">
          {problem}
        </p>
        <Button type="submit" className="w-full" disabled={chosen.length === 0 || working} data-testid="start-chat">
          {group ? t("newChat.startGroup", { count: chosen.length }) : t("newChat.start")}
        </Button>
      </form>
    </Dialog>
  );
}
