/** The mark: ㅁ, the first letter of 마당 and the plan of a house around its yard, with the tail of a speech bubble. */
export function Logo({ className = "" }: { className?: string }) {
  return (
    <svg className={className} viewBox="0 0 64 64" aria-hidden="true" focusable="false">
      <rect width="64" height="64" rx="18" fill="#1d6654" />
      <path
        fill="#ffdf6b"
        fillRule="evenodd"
        d="M20 13h24a7 7 0 0 1 7 7v20a7 7 0 0 1-7 7H32l-8.3 6.6a1.4 1.4 0 0 1-2.3-1.1V47H20a7 7 0 0 1-7-7V20a7 7 0 0 1 7-7Zm4 10.5a1.5 1.5 0 0 0-1.5 1.5v10a1.5 1.5 0 0 0 1.5 1.5h16a1.5 1.5 0 0 0 1.5-1.5V25a1.5 1.5 0 0 0-1.5-1.5Z"
      />
    </svg>
  );
}
