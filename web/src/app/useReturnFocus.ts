/** Gives the focus back to the conversation's row when its room is left, as on a phone the two never stand side by side. */
import { useEffect, useRef } from "react";

export function useReturnFocus(openId: string | null): void {
  const before = useRef(openId);
  useEffect(() => {
    const left = before.current;
    before.current = openId;
    if (openId !== null || left === null) return;
    document.querySelector<HTMLElement>(`nav [data-conversation-id="${CSS.escape(left)}"]`)?.focus();
  }, [openId]);
}
