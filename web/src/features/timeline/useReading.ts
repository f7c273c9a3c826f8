/**
 * Moves the reader's mark. A message is read only while all three hold: the page is visible, its window has the focus,
 * and the message stands in the visible part of the list.
 */
import { type RefObject, useCallback, useEffect } from "react";
import { type MeasuredRow, newestInView } from "./inView";
import { isAttentive } from "./useAttention";

export interface ReadingOptions {
  container: RefObject<HTMLElement | null>;
  lastReadSeq: number;
  /** False also while the room does not stand yet where the reader is to begin. */
  attentive: boolean;
  onRead: (seq: number) => void;
}

function measuredRows(container: HTMLElement): MeasuredRow[] {
  return Array.from(container.querySelectorAll<HTMLElement>("[data-seq]"), (element) => {
    const box = element.getBoundingClientRect();
    return { seq: Number(element.dataset.seq), top: box.top, bottom: box.bottom };
  });
}

/** Returns what to call after a scroll; every commit and every return of attention looks by itself. */
export function useReading({ container, lastReadSeq, attentive, onRead }: ReadingOptions): () => void {
  const look = useCallback(() => {
    const element = container.current;
    // Asked again here: the window may have lost the focus since the last render.
    if (element === null || !attentive || !isAttentive()) return;
    const view = element.getBoundingClientRect();
    const seq = newestInView(measuredRows(element), view.top, view.bottom);
    if (seq !== null && seq > lastReadSeq) onRead(seq);
  }, [container, lastReadSeq, attentive, onRead]);

  // Without a list of dependencies: new rows, a new mark and a new size all end in a commit.
  useEffect(() => {
    look();
  });

  useEffect(() => {
    const element = container.current;
    if (element === null) return;
    const observer = new ResizeObserver(look);
    observer.observe(element);
    return () => observer.disconnect();
  }, [container, look]);

  return look;
}
