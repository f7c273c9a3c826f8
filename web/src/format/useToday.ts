/** The present day: a Date that is replaced when midnight passes and when a sleeping page wakes up on another day. */
import { useEffect, useState } from "react";
import { dayKey, untilMidnight } from "./time";

export function useToday(): Date {
  const [today, setToday] = useState(() => new Date());
  useEffect(() => {
    const look = () => setToday((was) => (dayKey(was) === dayKey(new Date()) ? was : new Date()));
    const timer = setTimeout(look, untilMidnight(today) + 100);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [today]);
  return today;
}
