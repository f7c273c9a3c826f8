/**
 * A button that opens a small menu. Keyboard as the ARIA pattern asks: arrows move, Home and End jump, Escape closes and
 * gives focus back, Tab closes. Owns only open or closed; what an entry does belongs to the caller.
 */
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { IconButton } from "./Button";

export interface MenuEntry {
  label: string;
  icon?: ReactNode;
  danger?: boolean;
  /** Set for entries that are one choice of several. */
  chosen?: boolean;
  onChoose: () => void;
}

interface MenuProps {
  label: string;
  icon: ReactNode;
  entries: readonly MenuEntry[];
  /** Stands above the entries. */
  head?: ReactNode;
  testId?: string;
}

function moveFocus(list: HTMLElement, key: string): boolean {
  const items = Array.from(list.querySelectorAll<HTMLElement>("[role^=menuitem]"));
  const now = items.indexOf(document.activeElement as HTMLElement);
  const last = items.length - 1;
  const next =
    key === "ArrowDown"
      ? now === last
        ? 0
        : now + 1
      : key === "ArrowUp"
        ? now <= 0
          ? last
          : now - 1
        : key === "Home"
          ? 0
          : key === "End"
            ? last
            : null;
  if (next === null) return false;
  items[next]?.focus();
  return true;
}

function Entry({ entry, onDone }: { entry: MenuEntry; onDone: () => void }) {
  const role =
    entry.chosen === undefined ? { role: "menuitem" } : { role: "menuitemradio", "aria-checked": entry.chosen };
  return (
    <button
      type="button"
      {...role}
      tabIndex={-1}
      onClick={() => {
        onDone();
        entry.onChoose();
      }}
      className={`flex min-h-10 w-full items-center gap-3 rounded-lg px-3 text-left -outline-offset-2 hover:bg-hover focus:bg-hover ${entry.danger === true ? "text-persimmon" : "text-ink"}`}
    >
      <span className="grid size-5 place-items-center opacity-80">{entry.icon}</span>
      <span className="flex-1">{entry.label}</span>
      {entry.chosen === true && <span className="size-2 rounded-full bg-jade" />}
    </button>
  );
}

function MenuCard({
  id,
  label,
  entries,
  head,
  onClose,
}: Omit<MenuProps, "icon"> & { id: string; onClose: (refocus: boolean) => void }) {
  const card = useRef<HTMLDivElement>(null);

  useEffect(() => {
    card.current?.querySelector<HTMLElement>("[role^=menuitem]")?.focus();
    const closeOutside = (event: PointerEvent) => {
      const inside = event.target instanceof Node && card.current?.parentElement?.contains(event.target);
      if (inside !== true) onClose(false);
    };
    document.addEventListener("pointerdown", closeOutside);
    return () => document.removeEventListener("pointerdown", closeOutside);
  }, [onClose]);

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.key === "Escape" || event.key === "Tab") {
      onClose(event.key === "Escape");
      event.stopPropagation();
    } else if (moveFocus(event.currentTarget, event.key)) event.preventDefault();
  };

  return (
    <div
      ref={card}
      id={id}
      role="menu"
      aria-label={label}
      tabIndex={-1}
      onKeyDown={onKeyDown}
      className="absolute top-full right-0 z-30 mt-1 w-60 rounded-2xl border border-line bg-raised p-1.5 shadow-float"
    >
      {head}
      {entries.map((entry) => (
        <Entry key={entry.label} entry={entry} onDone={() => onClose(true)} />
      ))}
    </div>
  );
}

export function Menu({ label, icon, entries, head, testId }: MenuProps) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const close = useRef((refocus: boolean) => {
    setOpen(false);
    if (refocus) box.current?.querySelector("button")?.focus();
  }).current;

  return (
    <div ref={box} className="relative" data-testid={testId}>
      <IconButton
        label={label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen((was) => !was)}
      >
        {icon}
      </IconButton>
      {open && <MenuCard id={id} label={label} entries={entries} head={head} onClose={close} />}
    </div>
  );
}
