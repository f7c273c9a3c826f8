"""Every refusal has the one form, whoever makes it: our rules, the framework, or a defect."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from madang.contract.limits import LIMITS
from tests.integration.api.api_client import OWN_PAGE, Api, refused

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"7", b'"text"', b"\xff", b"\x00", b'{"a":1}x', b"username=ann", b"[" * 100_000],
)
async def test_what_is_no_json_object(api: Api, body: bytes) -> None:
    """Malformed and misplaced bodies are 422, and deep nesting does no harm."""
    refused(await api.client().post("/api/auth/login", content=body, headers=JSON), 422, "invalid")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": "x"}, "username"),
        ({"username": 1, "password": "x"}, "username"),
        ({"username": None, "password": "x"}, "username"),
        ({"username": "ann", "password": "x", "cookies": "false"}, "cookies"),
        ({"username": "ann", "password": "x", "cookies": 0}, "cookies"),
        ({"username": "ann", "password": ["x"]}, "password"),
    ],
)
async def test_wrong_types_name_their_field(api: Api, body: dict[str, Any], field: str) -> None:
    """Nothing is converted: a word is no boolean, a number is no text."""
    assert set(refused(await api.client().post("/api/auth/login", json=body), 422, "invalid")["details"]) == {field}


async def test_other_content_types_are_read_as_json_or_not_at_all(api: Api) -> None:
    """A form is no JSON; what a form could carry across sites signs nobody in."""
    form = await api.client().post("/api/auth/login", data={"username": "ann", "password": "x"})
    refused(form, 422, "invalid")
    files = await api.client().post("/api/auth/login", files={"username": b"ann"})
    refused(files, 422, "invalid")


async def test_a_body_over_the_limit(api: Api) -> None:
    """One byte too many is 413; exactly the limit is read."""
    largest = b'{"username":"ann","password":"' + b"x" * (LIMITS.payload_bytes - 32) + b'"}'
    assert len(largest) == LIMITS.payload_bytes
    refused(await api.client().post("/api/auth/login", content=largest, headers=JSON), 401, "unauthenticated")
    refused(await api.client().post("/api/auth/login", content=largest + b" ", headers=JSON), 413, "too_large")


async def test_unknown_addresses_and_methods(api: Api) -> None:
    """There is no such call: 404 in our form, for a wrong method as well."""
    _, client = await api.person("ann")
    for method, path in (
        ("GET", "/api"),
        ("GET", "/api/nothing"),
        ("PUT", "/api/me"),
        ("GET", "/api/auth/login"),
        ("GET", "/api/../x"),
    ):
        refused(await client.request(method, path), 404, "not_found")
    assert (await client.head("/api/me")).status_code == 404


async def test_a_defect_is_logged_and_says_nothing(api: Api) -> None:
    """An unexpected error is 503 without a word of its text; the log has the error and the route, never the body."""
    _, client = await api.person("ann")

    async def broken(*_: object) -> None:
        raise RuntimeError("the cat is in the wires")

    api.parts.services.conversations.create = broken  # type: ignore[method-assign, assignment]  # a defect of ours
    with capture_logs() as logged:
        response = await client.post("/api/conversations", json={"type": "group", "name": "private matter"})
    assert "cat" not in refused(response, 503, "unavailable")["reason"]
    (entry,) = logged
    assert isinstance(entry.pop("exc_info"), RuntimeError)
    assert (entry["log_level"], entry["method"]) == ("error", "POST")
    assert "private matter" not in str(entry)


async def test_every_answer_is_for_one_reader(api: Api) -> None:
    """No cache keeps an answer, and no browser guesses its type."""
    page = await api.page("ann")
    answers = [
        await page.get("/api/me"),
        await page.get("/api/nothing"),
        await page.post("/api/auth/refresh", headers=OWN_PAGE),
        await api.client().get("/api/config"),
        await api.client().get("/health/live"),
    ]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
