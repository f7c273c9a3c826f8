/**
 * Where the page is mounted. The server serves it under any path prefix and says so by `<base>`, so the prefix is read
 * from the document, never built in. "" at the root, "/chat" below it.
 */
export function basePathOf(baseUri: string): string {
  return new URL(".", baseUri).pathname.replace(/\/$/, "");
}
