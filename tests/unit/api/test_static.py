"""The web client's files: caching, compression, security headers, the page for the client's own addresses."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from madang.api.static import StaticFiles

PAGE = '<!doctype html>\n<html><head><script type="module" src="./assets/a-1.js"></script></head></html>\n'
SCRIPT = "console.log(1);\n" * 200


class Answer:
    """What the application sent."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]


async def ask(files: StaticFiles, path: str, method: str = "GET", **headers: str) -> Answer:
    """One request; header names are written with underscores."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def receive() -> Any:
        raise AssertionError("a file needs no body")

    answer = Answer()
    await files({"type": "http", "method": method, "path": path, "headers": raw}, receive, answer.send)
    return answer


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A built client in small."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "assets" / "a-1.js").write_text(SCRIPT)
    (tmp_path / "assets" / "b-1.js").write_text(SCRIPT)
    (tmp_path / "assets" / "b-1.js.br").write_bytes(b"as brotli")
    (tmp_path / "madang.svg").write_text("<svg/>")
    return tmp_path


async def test_the_page_is_never_kept_and_lets_nothing_foreign_run(root: Path) -> None:
    """The page asks again each time, and its policy names own files only."""
    answer = await ask(StaticFiles(root, ""), "/")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"


async def test_a_hashed_file_is_kept_for_ever(root: Path) -> None:
    """Its name changes with its content."""
    answer = await ask(StaticFiles(root, ""), "/assets/a-1.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.body.decode() == SCRIPT
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_file_without_a_hash_is_asked_for_again(root: Path) -> None:
    """The icon may change under the same name."""
    answer = await ask(StaticFiles(root, ""), "/madang.svg")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"].startswith("image/svg+xml")


async def test_the_best_accepted_form_is_sent(root: Path) -> None:
    """A compressed twin if there is one, gzip otherwise, plain for who takes neither."""
    files = StaticFiles(root, "")
    brotli = await ask(files, "/assets/b-1.js", accept_encoding="gzip, deflate, br")
    assert (brotli.headers["content-encoding"], brotli.body) == ("br", b"as brotli")
    zipped = await ask(files, "/assets/a-1.js", accept_encoding="gzip, deflate, br")
    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(zipped.body).decode() == SCRIPT
    assert zipped.headers["content-length"] == str(len(zipped.body))
    refused = await ask(files, "/assets/a-1.js", accept_encoding="gzip;q=0, br;q=0.0")
    assert "content-encoding" not in refused.headers
    assert refused.headers["vary"] == "accept-encoding"


async def test_a_twin_is_no_file_of_its_own(root: Path) -> None:
    """Compressed twins have no address."""
    assert (await ask(StaticFiles(root, ""), "/assets/b-1.js.br")).status == 404


async def test_what_has_not_changed_is_not_sent_again(root: Path) -> None:
    """The tag of the last answer gives 304 without a body."""
    files = StaticFiles(root, "")
    tag = (await ask(files, "/")).headers["etag"]
    again = await ask(files, "/", if_none_match=f'W/"other", {tag}')
    assert (again.status, again.body) == (304, b"")


async def test_head_gives_the_headers_alone(root: Path) -> None:
    """HEAD has the length of GET and no body."""
    files = StaticFiles(root, "")
    head, get = await ask(files, "/madang.svg", "HEAD"), await ask(files, "/madang.svg")
    assert (head.status, head.headers, head.body) == (200, get.headers, b"")


async def test_addresses_of_the_clients_router_get_the_page(root: Path) -> None:
    """Somebody reloads a conversation."""
    answer = await ask(StaticFiles(root, ""), "/conversations/0190d1f2")
    assert answer.status == 200
    assert b"<script" in answer.body


async def test_a_missing_asset_is_not_the_page(root: Path) -> None:
    """A script of an older build is 404 and not kept, so the client can see that it is outdated."""
    answer = await ask(StaticFiles(root, ""), "/assets/old-1.js")
    assert answer.status == 404
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/../secret", "/assets/../../secret", "//etc/passwd", "/%2e%2e/secret"])
async def test_no_path_leaves_the_folder(root: Path, path: str) -> None:
    """Only what was read at start can be named."""
    (root.parent / "secret").write_text("hidden")
    answer = await ask(StaticFiles(root, ""), path)
    assert b"hidden" not in answer.body


async def test_the_page_works_under_a_prefix(root: Path) -> None:
    """Relative addresses are relative to the prefix, however deep the address of the page is."""
    files = StaticFiles(root, "/chat")
    page = await ask(files, "/chat/conversations/1")
    assert b'<head><base href="/chat/">' in page.body
    assert (await ask(files, "/chat/assets/a-1.js")).body.decode() == SCRIPT
    bare = await ask(files, "/chat")
    assert (bare.status, bare.headers["location"]) == (308, "/chat/")


async def test_writing_is_refused(root: Path) -> None:
    """Files are read only."""
    answer = await ask(StaticFiles(root, ""), "/", "POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_without_a_build_the_page_says_what_to_do(tmp_path: Path) -> None:
    """A checkout without the web client still starts, and tells."""
    files = StaticFiles(tmp_path / "none", "/chat")
    assert not files.built
    answer = await ask(files, "/chat/")
    assert answer.status == 503
    assert b"make web" in answer.body
    assert b'href="/chat/api/docs"' in answer.body
