/**
 * What jsdom lacks and the page uses: modal dialogs, scrolling into view, the two observers. Only the smallest
 * behaviour that a test can see; layout is never imitated (tests that need it run in a real browser).
 */
import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";
import { startTranslations } from "../i18n/i18n";

class SilentObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
  takeRecords(): [] {
    return [];
  }
}

globalThis.ResizeObserver ??= SilentObserver as unknown as typeof ResizeObserver;
globalThis.IntersectionObserver ??= SilentObserver as unknown as typeof IntersectionObserver;

HTMLDialogElement.prototype.showModal ??= function showModal(this: HTMLDialogElement) {
  this.open = true;
};
HTMLDialogElement.prototype.close ??= function close(this: HTMLDialogElement) {
  this.open = false;
  this.dispatchEvent(new Event("close"));
};
Element.prototype.scrollIntoView ??= () => undefined;

startTranslations("en");

afterEach(() => {
  cleanup();
});
