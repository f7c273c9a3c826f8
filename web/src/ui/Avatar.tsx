/** The picture of a person, or the initials and colour that stand in for it; always decorative: the name is beside it. */
import { type CSSProperties, useState } from "react";
import { initials, toneOf } from "../format/initials";
import "./avatar.css";

export interface Face {
  id: string;
  name: string;
  avatarUrl: string | null;
}

interface AvatarProps {
  face: Face;
  /** Edge in rem. */
  size: number;
}

function sized(size: number): CSSProperties {
  return { "--avatar-size": `${size}rem`, "--faces-size": `${size}rem` } as CSSProperties;
}

function Picture({ face }: { face: Face }) {
  const [broken, setBroken] = useState(false);
  if (face.avatarUrl === null || broken) return <>{initials(face.name)}</>;
  return <img src={face.avatarUrl} alt="" loading="lazy" onError={() => setBroken(true)} />;
}

export function Avatar({ face, size }: AvatarProps) {
  return (
    <span className="avatar" data-tone={toneOf(face.id)} style={sized(size)} aria-hidden="true">
      <Picture face={face} key={face.avatarUrl} />
    </span>
  );
}

/** One to four people in the square of one. */
export function Faces({ faces, size }: { faces: readonly Face[]; size: number }) {
  const shown = faces.slice(0, 4);
  const only = shown[0];
  if (only === undefined) return <Avatar face={{ id: "", name: "", avatarUrl: null }} size={size} />;
  if (shown.length === 1) return <Avatar face={only} size={size} />;
  return (
    <span className="faces" data-count={shown.length} style={sized(size)} aria-hidden="true">
      {shown.map((face) => (
        <span className="avatar" data-tone={toneOf(face.id)} key={face.id}>
          <Picture face={face} key={face.avatarUrl} />
        </span>
      ))}
    </span>
  );
}
