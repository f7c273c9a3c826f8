/** Asks before something that cannot be taken back easily. */
import { useWords } from "../i18n/useWords";
import { Button } from "./Button";
import { Dialog } from "./Dialog";

interface ConfirmDialogProps {
  title: string;
  text: string;
  confirm: string;
  onConfirm: () => void;
  onClose: () => void;
}

export function ConfirmDialog({ title, text, confirm, onConfirm, onClose }: ConfirmDialogProps) {
  const { t } = useWords();
  return (
    <Dialog title={title} onClose={onClose} testId="confirm-dialog">
      <p className="px-5 text-soft">{text}</p>
      <div className="flex justify-end gap-2 p-5">
        <Button look="quiet" onClick={onClose}>
          {t("dialog.cancel")}
        </Button>
        <Button look="danger" onClick={onConfirm} data-testid="confirm">
          {confirm}
        </Button>
      </div>
    </Dialog>
  );
}
