"""The web client's files, as an ASGI application.

Owns how the built page is served: caching, compression, security headers, and the page for every address of the client's
own router. Everything is read and compressed once, at start, so a request touches no disk and no path can climb out of
the folder. Must never serve what is not a file of the build.

Invariants:
1. The page is fetched anew each time; files with a hash in their name (below `assets/`) are kept for ever.
2. The page works under any prefix: its addresses are relative, and `<base>` says what to.
3. Nothing but own files may run in the page (Content-Security-Policy), and no other site may frame it.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

__all__ = ["WEB_ROOT", "StaticFiles"]

WEB_ROOT: Final = Path(__file__).parent.parent / "web"
"""Where the build of the package puts the web client."""
MIN_COMPRESSED_BYTES: Final = 1_000

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob: https:",  # avatars of a host application's users live elsewhere
    "media-src": "'self' blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'self'",
    "frame-ancestors": "'none'",
}
_TYPES: Final = {".js": "text/javascript", ".mjs": "text/javascript", ".webmanifest": "application/manifest+json"}
"""Types the machine's own table lacks or has wrong; a script of the wrong type does not run."""
_EVERY_FILE: Final[Headers] = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_EVERY_PAGE: Final[Headers] = [
    (b"content-security-policy", "; ".join(f"{name} {value}" for name, value in _POLICY.items()).encode()),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
]
_NOT_BUILT: Final = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Madang</title></head>
<body>
<h1>Madang is running, without its web client</h1>
<p>The page has not been built in this checkout. <code>make web</code> builds it; then start the server again.</p>
<p>Sockets and the API work: <a href="{prefix}/api/docs">the API's page</a>.</p>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class _File:
    """One file in the forms it may be sent in, best first."""

    forms: tuple[tuple[str, bytes], ...]
    """Content coding (empty: none) and bytes."""
    headers: Headers
    etag: bytes


class StaticFiles:
    """Serves `root` under `prefix`: files by their path, the page for every other path.

    Args:
        root: the built client; may be missing, then a page says how to build it.
        prefix: empty, or `/chat` without a closing slash.
    """

    def __init__(self, root: Path, prefix: str) -> None:
        self._prefix = prefix
        self._files = {path: _load(root / path, path, prefix) for path in _paths(root)}
        self._page = self._files.get("index.html") or _file(
            _NOT_BUILT.format(prefix=escape(prefix)).encode(), "index.html"
        )
        self._page_status = 200 if "index.html" in self._files else 503

    @property
    def built(self) -> bool:
        """Whether there is a web client to serve."""
        return self._page_status == 200

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one HTTP request whose path begins with the prefix."""
        if scope["method"] not in {"GET", "HEAD"}:
            await _answer(send, 405, [(b"allow", b"GET, HEAD")])
            return
        path = scope["path"].removeprefix(self._prefix)
        if not path:
            await _answer(send, 308, [(b"location", f"{self._prefix}/".encode())])
            return
        name = path.removeprefix("/")
        file = self._files.get(name)
        if file is None and name.startswith("assets/"):
            # An old page asks for a file of a build that is gone; the page in its place would be a script that is HTML.
            await _answer(send, 404, [(b"cache-control", b"no-store")])
            return
        status = 200 if file and name != "index.html" else self._page_status
        await _send_file(scope, send, file or self._page, status)


def _paths(root: Path) -> Iterable[str]:
    """Files below the root, without the compressed twins that stand beside some."""
    if not root.is_dir():
        return
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix not in {".br", ".gz"}:
            yield path.relative_to(root).as_posix()


def _load(source: Path, path: str, prefix: str) -> _File:
    content = source.read_bytes()
    if path == "index.html":
        base = f'<head><base href="{escape(prefix)}/">'.encode()
        return _file(content.replace(b"<head>", base, 1), path)
    twins = {coding: source.with_name(f"{source.name}.{end}") for coding, end in (("br", "br"), ("gzip", "gz"))}
    return _file(content, path, {coding: twin.read_bytes() for coding, twin in twins.items() if twin.is_file()})


def _file(content: bytes, path: str, compressed: dict[str, bytes] | None = None) -> _File:
    kind = _TYPES.get(Path(path).suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    is_text = kind.startswith("text/") or kind.endswith(("javascript", "json", "xml"))
    compressed = compressed or {}
    if is_text and len(content) >= MIN_COMPRESSED_BYTES and not compressed:
        compressed["gzip"] = gzip.compress(content, mtime=0)
    is_page = kind == "text/html"
    kept = b"public, max-age=31536000, immutable" if path.startswith("assets/") else b"no-cache"
    etag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'.encode()
    headers = [
        (b"content-type", (f"{kind}; charset=utf-8" if is_text else kind).encode()),
        (b"cache-control", kept),
        (b"etag", etag),
        (b"vary", b"accept-encoding"),
        *_EVERY_FILE,
        *(_EVERY_PAGE if is_page else []),
    ]
    return _File(forms=(*compressed.items(), ("", content)), headers=headers, etag=etag)


async def _send_file(scope: Scope, send: Send, file: _File, status: int) -> None:
    request = dict(scope["headers"])
    if file.etag in request.get(b"if-none-match", b"") and status == 200:
        await _answer(send, 304, [header for header in file.headers if header[0] != b"content-type"])
        return
    accepted = _codings(request.get(b"accept-encoding", b"").decode("latin-1"))
    coding, body = next(form for form in file.forms if not form[0] or form[0] in accepted)
    headers = [*file.headers, (b"content-length", str(len(body)).encode())]
    if coding:
        headers.append((b"content-encoding", coding.encode()))
    await _answer(send, status, headers, b"" if scope["method"] == "HEAD" else body)


def _codings(header: str) -> set[str]:
    """Content codings the client takes; one with `q=0` it does not."""
    offers = [offer.replace(" ", "").lower().partition(";q=") for offer in header.split(",")]
    return {coding for coding, _, quality in offers if quality.rstrip("0.") or not quality}


async def _answer(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
