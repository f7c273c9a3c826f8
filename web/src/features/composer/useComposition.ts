/**
 * Tells the Enter that ends a Hangul syllable from the Enter that sends. Browsers differ: most set `isComposing`, some only
 * the key code 229, and Safari ends the composition before the key event, so an Enter right after it does not count.
 */
import { type KeyboardEvent, useCallback, useRef } from "react";

const KEY_OF_COMPOSITION = 229;
/** Safari's key event follows the end of the composition within a few milliseconds. */
const SAFARI_GRACE_MS = 30;

export function useComposition() {
  const composing = useRef(false);
  const endedAt = useRef(Number.NEGATIVE_INFINITY);

  const onCompositionStart = useCallback(() => {
    composing.current = true;
  }, []);
  const onCompositionEnd = useCallback((event: { timeStamp: number }) => {
    composing.current = false;
    endedAt.current = event.timeStamp;
  }, []);

  /** True when this key belongs to the input method, not to the page. */
  const belongsToInputMethod = useCallback((event: KeyboardEvent): boolean => {
    const safariLate = isSafari() && event.timeStamp - endedAt.current < SAFARI_GRACE_MS;
    return composing.current || event.nativeEvent.isComposing || event.keyCode === KEY_OF_COMPOSITION || safariLate;
  }, []);

  return { onCompositionStart, onCompositionEnd, belongsToInputMethod };
}

function isSafari(): boolean {
  return /^((?!chrom(e|ium)|android).)*safari/i.test(navigator.userAgent);
}
