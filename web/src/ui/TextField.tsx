/** A labelled line of text with its hint and, when something is wrong, the reason in words tied to the input. */
import { type InputHTMLAttributes, type ReactNode, type Ref, useId } from "react";

interface TextFieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  hint?: string;
  problem?: string | undefined;
  /** Stands inside the field, at its end. */
  end?: ReactNode;
  ref?: Ref<HTMLInputElement>;
}

export function TextField({ label, hint, problem, end, className = "", ...input }: TextFieldProps) {
  const id = useId();
  const note = problem ?? hint;
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1.5 block text-sm font-semibold text-ink">
        {label}
      </label>
      <div
        className={`flex items-center rounded-xl border bg-raised transition-colors focus-within:border-jade focus-within:ring-2 focus-within:ring-jade/30 ${problem === undefined ? "border-line" : "border-persimmon"}`}
      >
        <input
          id={id}
          className="min-h-11 w-full min-w-0 rounded-xl bg-transparent px-3.5 text-base text-ink outline-none placeholder:text-faint"
          aria-invalid={problem !== undefined}
          aria-describedby={note === undefined ? undefined : `${id}-note`}
          {...input}
        />
        {end}
      </div>
      {note !== undefined && (
        <p
          id={`${id}-note`}
          className={`mt-1.5 text-[0.8125rem] ${problem === undefined ? "text-faint" : "text-persimmon"}`}
        >
          {note}
        </p>
      )}
    </div>
  );
}
