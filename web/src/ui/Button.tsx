/** Buttons: one with words, one with an icon whose name is spoken and shown as a tooltip. */
import type { ButtonHTMLAttributes, ReactNode } from "react";

type Look = "strong" | "quiet" | "danger";

const LOOKS: Record<Look, string> = {
  strong: "bg-jade text-jade-ink hover:bg-jade-hover",
  quiet: "bg-transparent text-ink hover:bg-hover border border-line",
  danger: "bg-persimmon text-persimmon-ink hover:opacity-90",
};

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  children: ReactNode;
}

export function Button({ look = "strong", className = "", type = "button", ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      className={`inline-flex min-h-11 items-center justify-center gap-2 rounded-xl px-4 font-semibold transition-colors disabled:cursor-default disabled:opacity-45 ${LOOKS[look]} ${className}`}
      {...rest}
    />
  );
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  label: string;
  children: ReactNode;
}

export function IconButton({ label, className = "", children, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={`inline-grid size-10 flex-none place-items-center rounded-xl text-soft transition-colors hover:bg-hover hover:text-ink disabled:cursor-default disabled:opacity-40 ${className}`}
      {...rest}
    >
      {children}
    </button>
  );
}
