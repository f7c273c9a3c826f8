/**
 * A modal dialog on the browser's own <dialog>: focus is trapped, Escape and the browser's Back close, and focus returns to
 * where it was. On a phone it rises from the bottom edge. What carries `data-autofocus` has the focus first: React's
 * `autoFocus` acts before the dialog is shown, and showing it moves the focus to the first button.
 */
import { X } from "lucide-react";
import { type ReactNode, type SyntheticEvent, useEffect, useEffectEvent, useId, useRef } from "react";
import { useWords } from "../i18n/useWords";
import { IconButton } from "./Button";
import { addLayer } from "./backEntries";
import "./dialog.css";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  testId?: string;
}

export function Dialog({ title, onClose, children, testId }: DialogProps) {
  const { t } = useWords();
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);

  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    if (element !== null && !element.open) element.showModal();
    element?.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    return () => {
      element?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);

  const back = useEffectEvent(onClose);
  useEffect(() => addLayer(() => back()), []);

  const closeOnVeil = (event: SyntheticEvent) => {
    if (event.target === dialog.current) onClose();
  };

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape is the keyboard's way, and <dialog> brings it.
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby={id}
      data-testid={testId}
      onClick={closeOnVeil}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div className="dialog-card">
        <header className="flex items-center gap-2 py-2 pr-2 pl-5">
          <h2 id={id} className="min-w-0 flex-1 truncate text-lg font-bold">
            {title}
          </h2>
          <IconButton label={t("dialog.close")} onClick={onClose}>
            <X size={20} />
          </IconButton>
        </header>
        {children}
      </div>
    </dialog>
  );
}
