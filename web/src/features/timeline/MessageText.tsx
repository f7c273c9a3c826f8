/** The text of a message: links to the web are links, a few emoji alone are large, everything else is plain text. */
import { linkParts } from "../../format/links";

const EMOJI_ONLY = /^(?:\p{RGI_Emoji}\s?){1,3}$/v;

export function MessageText({ text }: { text: string }) {
  if (EMOJI_ONLY.test(text)) return <span className="bubble-emoji">{text}</span>;
  let at = 0;
  return (
    <span className="whitespace-pre-wrap">
      {linkParts(text).map((part) => {
        const key = at;
        at += part.text.length;
        if (part.kind === "text") return part.text;
        return (
          <a key={key} className="bubble-link" href={part.href} target="_blank" rel="noopener noreferrer">
            {part.text}
          </a>
        );
      })}
    </span>
  );
}
