/**
 * Writes the sentence of a system message from its structured `system` field, in the reader's language and from the
 * reader's side ("you"). Unknown kinds fall back to the server's own text, so a newer server is never shown as nothing.
 */
import type { Message, Role, SystemEvent } from "@madang/client";
import type { TFunction } from "i18next";
import type { Language } from "../format/time";

export interface SentenceContext {
  t: TFunction;
  language: Language;
  meId: string;
  /** A word for "somebody" when the name is not known. */
  nameOf: (userId: string) => string;
}

/** Longer lists end in "and 5 others". */
const NAMES_SHOWN = 3;

/** Korean adds 님 to a person's name. */
function personName(userId: string | null, context: SentenceContext): string {
  if (userId === null) return context.t("list.unknownPerson");
  if (userId === context.meId) return context.t("system.youObject");
  const name = context.nameOf(userId);
  return context.language === "ko" && name !== context.t("list.unknownPerson") ? `${name}님` : name;
}

function nameList(userIds: readonly string[], context: SentenceContext): string {
  const meFirst = [...userIds].sort((a, b) => Number(b === context.meId) - Number(a === context.meId));
  const names = meFirst.slice(0, NAMES_SHOWN).map((id) => personName(id, context));
  const others = userIds.length - names.length;
  if (others > 0) return context.t("system.others", { names: names.join(", "), count: others });
  if (context.language === "ko") return names.join(", ");
  return new Intl.ListFormat("en", { type: "conjunction" }).format(names);
}

function roleName(role: Role | undefined, t: TFunction): string {
  if (role === "owner") return t("system.roleOwner");
  return role === "admin" ? t("system.roleAdmin") : t("system.roleMember");
}

/** Who did it, as the three forms of most sentences: nobody known, the reader, somebody else. */
type Doer = "Nobody" | "ByYou" | "";

function doerOf(entry: SystemEvent, meId: string): Doer {
  if (entry.actorId === null) return "Nobody";
  return entry.actorId === meId ? "ByYou" : "";
}

function created(entry: SystemEvent, doer: Doer, actor: string, t: TFunction): string {
  if (doer === "Nobody") return t("system.createdNobody");
  if (entry.name) return t(`system.createdNamed${doer}`, { actor, name: entry.name });
  return t(`system.created${doer}`, { actor });
}

function membersAdded(entry: SystemEvent, doer: Doer, actor: string, context: SentenceContext): string {
  const userIds = entry.userIds ?? [];
  const { t, meId } = context;
  if (userIds.length === 1 && userIds[0] === entry.actorId) {
    return entry.actorId === meId ? t("system.joinedYou") : t("system.joined", { names: nameList(userIds, context) });
  }
  if (doer === "" && userIds.length === 1 && userIds[0] === meId) return t("system.addedYou", { actor });
  return t(`system.added${doer}`, { actor, names: nameList(userIds, context) });
}

function membersRemoved(entry: SystemEvent, doer: Doer, actor: string, context: SentenceContext): string {
  const userIds = entry.userIds ?? [];
  if (doer === "" && userIds.length === 1 && userIds[0] === context.meId) {
    return context.t("system.removedYou", { actor });
  }
  return context.t(`system.removed${doer}`, { actor, names: nameList(userIds, context) });
}

function memberLeft(entry: SystemEvent, context: SentenceContext): string {
  const leaver = entry.userIds?.[0] ?? entry.actorId;
  if (leaver === context.meId) return context.t("system.leftYou");
  return context.t("system.left", { actor: personName(leaver, context) });
}

function roleChanged(entry: SystemEvent, doer: Doer, actor: string, context: SentenceContext): string {
  const userIds = entry.userIds ?? [];
  const role = roleName(entry.role, context.t);
  if (userIds.length === 1 && userIds[0] === context.meId) return context.t("system.roleYou", { role });
  return context.t(`system.role${doer}`, { actor, names: nameList(userIds, context), role });
}

export function systemSentence(message: Message, context: SentenceContext): string {
  const entry = message.system;
  if (entry === undefined) return message.content;
  const doer = doerOf(entry, context.meId);
  const actor = personName(entry.actorId, context);
  switch (entry.kind) {
    case "created":
      return created(entry, doer, actor, context.t);
    case "members_added":
      return membersAdded(entry, doer, actor, context);
    case "member_removed":
      return membersRemoved(entry, doer, actor, context);
    case "member_left":
      return memberLeft(entry, context);
    case "renamed":
      return entry.name
        ? context.t(`system.renamed${doer}`, { actor, name: entry.name })
        : context.t(`system.unnamed${doer}`, { actor });
    case "role_changed":
      return roleChanged(entry, doer, actor, context);
    default:
      return message.content;
  }
}
