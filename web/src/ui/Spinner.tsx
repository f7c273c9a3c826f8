/** Something is on its way; says what to those who cannot see it turn. */
import { LoaderCircle } from "lucide-react";

export function Spinner({ label, size = 20 }: { label: string; size?: number }) {
  return (
    <span role="status" className="inline-grid place-items-center">
      <LoaderCircle size={size} className="motion-safe:animate-spin" aria-hidden="true" />
      <span className="sr-only">{label}</span>
    </span>
  );
}
