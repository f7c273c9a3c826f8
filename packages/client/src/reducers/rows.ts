/**
 * A run of messages: by seq, ascending, without holes.
 *
 * Owns the run's one invariant. A row replaces another of the same seq only if its version is higher, so applying the same
 * thing twice, or an older thing later, changes nothing. Where a message is quoted, the quote follows it.
 */
import type { Message, Quote, ReactionChanged, Summary } from "../generated/contract.ts";

/** What a quote shows of a message, in characters; the server cuts there too. */
const QUOTE_CHARACTERS = 200;

/** The run with `row` in its place; null if that would leave a hole. Rows before the run are not part of it. */
export function placeRow(run: readonly Message[], row: Message): readonly Message[] | null {
  const first = run[0];
  if (first === undefined) return [row];
  const index = row.seq - first.seq;
  if (index > run.length) return null;
  if (index === run.length) return [...run, row];
  const present = run[index];
  if (present !== undefined && !replaces(row, present)) return run;
  return requoteAll(present === undefined ? run : run.with(index, row), row);
}

/** The run with a page behind it or over it; null if the page does not touch the run. Pages come by seq. */
export function placePage(run: readonly Message[], page: readonly Message[]): readonly Message[] | null {
  let placed: readonly Message[] | null = run;
  for (const row of page) {
    placed = placeRow(placed, row);
    if (placed === null) return null;
  }
  return placed;
}

/** The run with an older page in front; null if the two do not touch. */
export function prependPage(run: readonly Message[], page: readonly Message[]): readonly Message[] | null {
  const first = run[0];
  if (first === undefined) return page;
  const older = page.filter((row) => row.seq < first.seq);
  const last = older.at(-1);
  if (last === undefined) return run;
  return last.seq === first.seq - 1 ? [...older, ...run] : null;
}

/** The run with a reaction put on one of its rows or taken off it; a row that has seen it already stays. */
export function placeReaction(run: readonly Message[], change: ReactionChanged): readonly Message[] {
  const first = run[0];
  const index = first === undefined ? -1 : change.seq - first.seq;
  const row = index < 0 ? undefined : run[index];
  return row === undefined || row.version >= change.version ? run : run.with(index, react(row, change));
}

/** The message after a reaction. Of more than 20 people only the number is exact: the server names the first 20. */
export function react(row: Message, change: ReactionChanged): Message {
  const { emoji, userId, count, version } = change;
  const present = row.reactions.find((reaction) => reaction.emoji === emoji);
  const others = (present?.userIds ?? []).filter((other) => other !== userId);
  const userIds = (change.removed ? others : [...others, userId]).slice(0, 20);
  const next = { emoji, count, userIds };
  if (count === 0) return { ...row, version, reactions: row.reactions.filter((one) => one !== present) };
  if (present === undefined) return { ...row, version, reactions: [...row.reactions, next] };
  return { ...row, version, reactions: row.reactions.map((one) => (one === present ? next : one)) };
}

/**
 * The row with its quote as `quoted` is now; the same row if it quotes something else, or nothing has changed. A row came with
 * the quote of its own version, so an older change is in it.
 */
export function requote(row: Message, quoted: Message): Message {
  if (row.replyToId !== quoted.id || row.replyTo === undefined || quoted.version < row.version) return row;
  const next = quoteOf(quoted);
  const { content, senderId, type } = row.replyTo;
  const same = next.content === content && next.senderId === senderId && next.type === type;
  return same ? row : { ...row, replyTo: next };
}

/** Whether there is a message before the run that this member may see. */
export function hasOlder(run: readonly Message[], summary: Summary): boolean {
  const first = run[0];
  return first !== undefined && first.seq > Math.max(1, summary.me.visibleFromSeq);
}

/** Of the same version too, if it differs: a row whose reactions were counted up here across a hole was only nearly right. */
function replaces(row: Message, present: Message): boolean {
  if (row.version !== present.version) return row.version > present.version;
  return JSON.stringify(row.reactions) !== JSON.stringify(present.reactions);
}

function requoteAll(run: readonly Message[], quoted: Message): readonly Message[] {
  return run.some((row) => requote(row, quoted) !== row) ? run.map((row) => requote(row, quoted)) : run;
}

function quoteOf(message: Message): Quote {
  const { id, seq, senderId, content, type } = message;
  if (message.deletedAt !== null) return { id, seq, senderId: null, content: "", type: "text" };
  const characters = [...content];
  const excerpt =
    characters.length <= QUOTE_CHARACTERS ? content : `${characters.slice(0, QUOTE_CHARACTERS - 1).join("")}…`;
  return { id, seq, senderId, content: excerpt, type };
}
