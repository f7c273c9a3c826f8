/** What a conversation is called and whose faces stand for it, from the reader's side. */
import type { Summary, User } from "@madang/client";
import type { TFunction } from "i18next";
import type { Face } from "../ui/Avatar";

/** A direct conversation with oneself. */
export function isNotes(summary: Summary, meId: string): boolean {
  return summary.type === "direct" && (summary.peer?.id === meId || (!summary.peer && summary.memberCount <= 1));
}

function others(summary: Summary, meId: string): readonly User[] {
  const rest = summary.faces.filter((face) => face.id !== meId);
  return rest.length > 0 ? rest : summary.faces;
}

export function conversationTitle(summary: Summary, meId: string, t: TFunction): string {
  if (isNotes(summary, meId)) return t("list.notes");
  if (summary.type === "direct") return summary.peer?.name ?? t("list.unknownPerson");
  if (summary.name !== null && summary.name !== "") return summary.name;
  const names = others(summary, meId).map((face) => face.name);
  return names.length > 0 ? names.join(", ") : t("list.unnamedGroup");
}

export function conversationFaces(summary: Summary, meId: string): readonly Face[] {
  if (summary.avatarUrl !== null) return [{ id: summary.id, name: summary.name ?? "", avatarUrl: summary.avatarUrl }];
  if (summary.type === "direct") return summary.peer ? [summary.peer] : summary.faces.slice(0, 1);
  return others(summary, meId);
}
