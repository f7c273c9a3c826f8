/** The part of the rows that is on the page, as one list. */
import { memo } from "react";
import { type SentenceContext, systemSentence } from "../../chat/systemSentence";
import { dayTitle } from "../../format/time";
import { Bubble } from "./Bubble";
import type { Row } from "./rows";
import type { Range } from "./slice";

interface RowListProps {
  rows: readonly Row[];
  range: Range;
  sentences: SentenceContext;
  onRetry: (messageId: string) => void;
  onDiscard: (messageId: string) => void;
}

interface RowViewProps extends Omit<RowListProps, "rows" | "range"> {
  row: Row;
}

function RowView({ row, sentences, onRetry, onDiscard }: RowViewProps) {
  const { t, language, nameOf } = sentences;
  switch (row.kind) {
    case "day":
      return (
        // No data-row: this divider moves when older messages of its day arrive, so nothing may hold on to it.
        <li className="row-day" data-testid="day-divider">
          <span>{dayTitle(row.time, language)}</span>
        </li>
      );
    case "unread":
      return (
        <li className="row-unread" data-row={row.key} data-moves="" data-testid="unread-divider">
          {t("room.unreadFrom")}
        </li>
      );
    case "system":
      return (
        <li className="row-chip" data-row={row.key} data-seq={row.message.seq} data-testid="system-message">
          {systemSentence(row.message, sentences)}
        </li>
      );
    case "bubble":
      return <Bubble row={row} onRetry={onRetry} onDiscard={onDiscard} nameOf={nameOf} />;
  }
}

export const RowList = memo(({ rows, range, ...rest }: RowListProps) => (
  <ol className="flex flex-col">
    {rows.slice(range.from, range.to).map((row) => (
      <RowView key={row.key} row={row} {...rest} />
    ))}
  </ol>
));
