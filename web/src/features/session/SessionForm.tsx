/** The form that signs in or signs up. Owns what is typed and what is wrong with it; the caller owns what happens then. */
import { Eye, EyeOff } from "lucide-react";
import { type FormEvent, useRef, useState } from "react";
import { useWords } from "../../i18n/useWords";
import { Button, IconButton } from "../../ui/Button";
import { TextField } from "../../ui/TextField";
import {
  type Account,
  type AccountLimits,
  type Field,
  type Problem,
  type Problems,
  signInProblems,
  signUpProblems,
} from "./validation";

export type Mode = "signIn" | "signUp";

/** What a refused attempt means: fields to correct, or one sentence about all of it. */
export interface Refusal {
  problems: Problems;
  sentence: string | null;
  /** Most likely to be corrected, where no field is known to be wrong. */
  suspect?: Field;
}

interface SessionFormProps {
  mode: Mode;
  limits: AccountLimits;
  /** Resolves to null when it worked. */
  onSubmit: (mode: Mode, account: Account) => Promise<Refusal | null>;
}

const EMPTY: Account = { username: "", name: "", password: "" };
const FIELDS: readonly Field[] = ["username", "name", "password"];

function focusFirst(form: HTMLFormElement, { problems, suspect }: Refusal): void {
  const first = FIELDS.find((field) => problems[field] !== undefined) ?? suspect;
  const input = first === undefined ? null : form.elements.namedItem(first);
  if (input instanceof HTMLInputElement) input.focus();
}

function useSubmission({ mode, limits, onSubmit }: SessionFormProps) {
  const [account, setAccount] = useState(EMPTY);
  const [refusal, setRefusal] = useState<Refusal>({ problems: {}, sentence: null });
  const [working, setWorking] = useState(false);
  const form = useRef<HTMLFormElement>(null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (working) return;
    const problems = mode === "signUp" ? signUpProblems(account, limits) : signInProblems(account);
    let answer: Refusal | null = { problems, sentence: null };
    if (Object.keys(problems).length === 0) {
      setWorking(true);
      answer = await onSubmit(mode, account);
      setWorking(false);
    }
    if (answer === null) return;
    setRefusal(answer);
    if (form.current !== null) focusFirst(form.current, answer);
  };

  const change = (field: Field) => (event: { target: { value: string } }) => {
    setAccount((was) => ({ ...was, [field]: event.target.value }));
    setRefusal((was) => ({ sentence: null, problems: { ...was.problems, [field]: undefined } }));
  };
  return { account, refusal, working, form, submit, change };
}

export function SessionForm(props: SessionFormProps) {
  const { mode, limits } = props;
  const { t } = useWords();
  const { account, refusal, working, form, submit, change } = useSubmission(props);
  const words = (problem: Problem | undefined) =>
    problem === undefined ? undefined : String(t(problem.key, { count: problem.count ?? 0 }));
  const hints = mode === "signUp";
  return (
    <form ref={form} noValidate onSubmit={submit} className="space-y-4" data-testid="session-form">
      <TextField
        label={t("session.username")}
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        autoCorrect="off"
        spellCheck={false}
        value={account.username}
        onChange={change("username")}
        problem={words(refusal.problems.username)}
        {...(hints ? { hint: t("session.usernameHint") } : {})}
      />
      {mode === "signUp" && (
        <TextField
          label={t("session.name")}
          name="name"
          autoComplete="name"
          value={account.name}
          onChange={change("name")}
          hint={t("session.nameHint")}
          problem={words(refusal.problems.name)}
        />
      )}
      <PasswordField
        fresh={hints}
        least={limits.passwordMinCharacters}
        value={account.password}
        onChange={change("password")}
        problem={words(refusal.problems.password)}
      />
      <p role="alert" className="text-sm text-persimmon empty:hidden" data-testid="session-error">
        {refusal.sentence}
      </p>
      <Button type="submit" className="w-full text-base" disabled={working} data-testid="session-submit">
        {working ? t("session.working") : t(mode === "signUp" ? "session.signUp" : "session.signIn")}
      </Button>
    </form>
  );
}

interface PasswordFieldProps {
  /** A new password is being chosen. */
  fresh: boolean;
  least: number;
  value: string;
  onChange: (event: { target: { value: string } }) => void;
  problem: string | undefined;
}

function PasswordField({ fresh, least, value, onChange, problem }: PasswordFieldProps) {
  const { t } = useWords();
  const [shown, setShown] = useState(false);
  return (
    <TextField
      label={t("session.password")}
      name="password"
      type={shown ? "text" : "password"}
      autoComplete={fresh ? "new-password" : "current-password"}
      value={value}
      onChange={onChange}
      problem={problem}
      {...(fresh ? { hint: t("session.passwordHint", { count: least }) } : {})}
      end={
        <IconButton
          label={t(shown ? "session.hidePassword" : "session.showPassword")}
          aria-pressed={shown}
          className="mr-0.5"
          onClick={() => setShown((was) => !was)}
        >
          {shown ? <EyeOff size={19} /> : <Eye size={19} />}
        </IconButton>
      }
    />
  );
}
