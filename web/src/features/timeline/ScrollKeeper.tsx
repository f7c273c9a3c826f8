/**
 * A scrolling box that keeps the reader's place. At the end it stays at the end as rows come; anywhere else the row the
 * reader looks at does not move, whatever is put in front of it or behind it.
 *
 * A class, because only `getSnapshotBeforeUpdate` may look at the page after rendering and before the page changes. The
 * browser's own scroll anchoring is off: it is missing in some browsers and would correct a second time in the others.
 *
 * Invariants:
 * 1. Rows carry `data-row` with their key; the key of a message never changes. A row that may stand elsewhere after the next
 *    change (a divider) carries `data-moves` too, and is never what the place is held by.
 * 2. `pinned` changes only by the reader's scrolling, by `toEnd` and by `toRow`.
 */
import { Component, createRef, type ReactNode, type RefObject } from "react";

interface ScrollKeeperProps {
  label: string;
  children: ReactNode;
  /** The same element, for those who measure it. */
  box: RefObject<HTMLDivElement | null>;
  /** The last row given is the newest there is; otherwise there is no end to stay at. */
  endIsHere: boolean;
  onScroll: (state: ScrollState) => void;
}

export interface ScrollState {
  pinned: boolean;
  /** Pixels above and below what is visible. */
  above: number;
  below: number;
}

interface Anchor {
  key: string;
  /** Distance of the row's top from the top of the visible part. */
  offset: number;
}

/** Nearer to the end than this counts as at the end, in CSS pixels. */
const END_ZONE = 40;

export class ScrollKeeper extends Component<ScrollKeeperProps> {
  #pinned = true;
  /** The rows in view when the reader last scrolled or the rows last changed, the topmost first. */
  #anchors: Anchor[] = [];
  readonly #content = createRef<HTMLDivElement>();
  #observer: ResizeObserver | null = null;

  override componentDidMount(): void {
    const { current: box } = this.props.box;
    if (box === null || this.#content.current === null) return;
    this.#observer = new ResizeObserver(() => this.#settle());
    this.#observer.observe(box);
    this.#observer.observe(this.#content.current);
    this.#settle();
  }

  override componentWillUnmount(): void {
    this.#observer?.disconnect();
  }

  override getSnapshotBeforeUpdate(): null {
    // The scroll event of the last movement may still be on its way.
    this.#remember();
    return null;
  }

  override componentDidUpdate(): void {
    this.#settle();
  }

  toEnd(): void {
    this.#pinned = true;
    this.#settle();
    this.#report();
  }

  /** Puts a row at a third of the visible height. False when there is no such row. */
  toRow(key: string): boolean {
    const box = this.props.box.current;
    const row = this.#row(key);
    if (box === null || row === null) return false;
    const distance = row.getBoundingClientRect().top - box.getBoundingClientRect().top;
    box.scrollTop += distance - box.clientHeight / 3;
    this.#pinned = this.#isAtEnd(box);
    this.#remember();
    this.#report();
    return true;
  }

  #row(key: string): HTMLElement | null {
    return this.#content.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(key)}"]`) ?? null;
  }

  #below(box: HTMLElement): number {
    return box.scrollHeight - box.clientHeight - box.scrollTop;
  }

  #isAtEnd(box: HTMLElement): boolean {
    return this.props.endIsHere && this.#below(box) < END_ZONE;
  }

  #remember(): void {
    const box = this.props.box.current;
    const content = this.#content.current;
    if (box === null || content === null) return;
    const view = box.getBoundingClientRect();
    this.#anchors = [];
    for (const row of content.querySelectorAll<HTMLElement>("[data-row]:not([data-moves])")) {
      const place = row.getBoundingClientRect();
      if (place.bottom <= view.top) continue;
      if (place.top >= view.bottom) break;
      this.#anchors.push({ key: row.dataset.row ?? "", offset: place.top - view.top });
    }
  }

  #settle(): void {
    const box = this.props.box.current;
    if (box === null) return;
    if (this.#pinned) box.scrollTop = box.scrollHeight;
    else this.#restore(box);
    this.#remember();
  }

  #restore(box: HTMLElement): void {
    for (const { key, offset } of this.#anchors) {
      const row = this.#row(key);
      if (row === null) continue;
      const moved = row.getBoundingClientRect().top - box.getBoundingClientRect().top - offset;
      if (Math.abs(moved) >= 0.5) box.scrollTop += moved;
      return;
    }
  }

  #report(): void {
    const box = this.props.box.current;
    if (box !== null) this.props.onScroll({ pinned: this.#pinned, above: box.scrollTop, below: this.#below(box) });
  }

  readonly #scrolled = (): void => {
    const box = this.props.box.current;
    if (box === null) return;
    this.#pinned = this.#isAtEnd(box);
    this.#remember();
    this.#report();
  };

  override render(): ReactNode {
    return (
      <section
        ref={this.props.box}
        className="timeline-box"
        aria-label={this.props.label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard.
        tabIndex={0}
        data-testid="timeline"
        onScroll={this.#scrolled}
      >
        <div ref={this.#content} className="timeline-content">
          {this.props.children}
        </div>
      </section>
    );
  }
}
