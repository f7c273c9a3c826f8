/**
 * Says what is missing in a sign-up or sign-in form before the server is asked, and which field a refusal of the server
 * is about. The server decides; this only saves a round trip and gives the reason in the reader's words.
 */
import type { ParseKeys } from "i18next";

export type Field = "username" | "name" | "password";

export interface Problem {
  key: ParseKeys;
  count?: number;
}

export type Problems = Partial<Record<Field, Problem>>;

export interface AccountLimits {
  usernameUnits: number;
  nameUnits: number;
  passwordMinCharacters: number;
  passwordMaxBytes: number;
}

export interface Account {
  username: string;
  name: string;
  password: string;
}

const USERNAME = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/;

function usernameProblem(username: string, limits: AccountLimits): Problem | null {
  const name = username.trim().toLowerCase();
  if (name === "") return { key: "session.need.username" };
  if (name.length > limits.usernameUnits) return { key: "session.need.usernameLong", count: limits.usernameUnits };
  return USERNAME.test(name) ? null : { key: "session.need.usernameForm" };
}

function nameProblem(name: string, limits: AccountLimits): Problem | null {
  if (name.trim() === "") return { key: "session.need.name" };
  return name.trim().length > limits.nameUnits ? { key: "session.need.nameLong", count: limits.nameUnits } : null;
}

function passwordProblem(password: string, username: string, limits: AccountLimits): Problem | null {
  if (password === "") return { key: "session.need.password" };
  if (Array.from(password).length < limits.passwordMinCharacters) {
    return { key: "session.need.passwordShort", count: limits.passwordMinCharacters };
  }
  if (new TextEncoder().encode(password).length > limits.passwordMaxBytes) return { key: "session.need.passwordLong" };
  const weak = password.toLowerCase() === username.trim().toLowerCase() || new Set(password).size < 3;
  return weak ? { key: "session.need.passwordWeak" } : null;
}

function only(found: Record<string, Problem | null>): Problems {
  return Object.fromEntries(Object.entries(found).filter(([, problem]) => problem !== null));
}

export function signUpProblems(account: Account, limits: AccountLimits): Problems {
  return only({
    username: usernameProblem(account.username, limits),
    name: nameProblem(account.name, limits),
    password: passwordProblem(account.password, account.username, limits),
  });
}

/** Signing in asks for nothing but that both are there: older accounts may follow older rules. */
export function signInProblems(account: Account): Problems {
  return only({
    username: account.username.trim() === "" ? { key: "session.need.username" } : null,
    password: account.password === "" ? { key: "session.need.password" } : null,
  });
}

/** The fields a refusal names; empty when it is about the whole form. */
export function refusedFields(code: string, details: Readonly<Record<string, string>>): Problems {
  if (code === "conflict") return { username: { key: "session.taken" } };
  if (code !== "invalid" && code !== "too_large") return {};
  return only({
    username: "username" in details ? { key: "session.need.usernameForm" } : null,
    name: "name" in details ? { key: "session.need.name" } : null,
    password:
      "password" in details
        ? { key: code === "too_large" ? "session.need.passwordLong" : "session.need.passwordWeak" }
        : null,
  });
}
