"""Pages of other origins: with a token and on the list, or not at all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from madang.api.app import ApiOptions
from tests.integration.api.api_client import Api, open_api, refused

LISTED = "https://shop.example"


@pytest.fixture
async def listing(tmp_path: Path) -> AsyncIterator[Api]:
    """A server that knows one other page."""
    async with open_api(tmp_path, ApiOptions(origins=(LISTED, "http://localhost:5173"))) as api:
        yield api


async def test_a_listed_page_comes_with_a_token(listing: Api) -> None:
    """It may read the answer and the headers that pages need, and is never offered cookies."""
    _, client = await listing.person("ann")
    for origin in (LISTED, "http://localhost:5173"):
        response = await client.get("/api/conversations", headers={"Origin": origin})
        assert response.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert response.headers["Vary"] == "Origin"
        exposed = {name.strip() for name in response.headers["Access-Control-Expose-Headers"].split(",")}
        assert exposed == {"Link", "Retry-After", "ETag"}
        assert "Access-Control-Allow-Credentials" not in response.headers


async def test_refusals_reach_a_listed_page_too(listing: Api) -> None:
    """A page that cannot read why it was refused cannot refresh its token."""
    response = await listing.client("forged").get("/api/me", headers={"Origin": LISTED})
    refused(response, 401, "token_invalid")
    assert response.headers["Access-Control-Allow-Origin"] == LISTED


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_listed_page_is_told_what_it_may_send(listing: Api, method: str) -> None:
    """The browser asks first; the answer names the method, the headers of a client, and lasts."""
    asked = {
        "Origin": LISTED,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type, x-madang-csrf",
    }
    response = await listing.client().options("/api/conversations", headers=asked)
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == LISTED
    assert method in response.headers["Access-Control-Allow-Methods"]
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    assert {"authorization", "content-type", "x-madang-csrf"} <= {name.strip() for name in allowed.split(",")}
    assert int(response.headers["Access-Control-Max-Age"]) > 0
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "https://shop.example.evil.example", "https://evilshop.example", "http://shop.example",
     "https://shop.example:444", "https://sub.shop.example", "null", "https://shopxexample"],
)  # fmt: skip  # each is one way to look like the one on the list
async def test_other_pages_are_not_answered(listing: Api, origin: str) -> None:
    """Neither the question before nor the answer itself allows a page that is not on the list."""
    _, client = await listing.person("ann")
    response = await client.get("/api/me", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in response.headers
    asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    before = await client.options("/api/me", headers=asked)
    assert "Access-Control-Allow-Origin" not in before.headers


async def test_a_listed_page_has_no_use_for_our_cookies(listing: Api) -> None:
    """A cookie that reaches us from there is refused, and signing in there gives tokens or nothing."""
    page = await listing.page("ann")
    refused(await page.get("/api/me", headers={"Origin": LISTED}), 403, "forbidden")
    refused(await page.patch("/api/me", json={}, headers={"Origin": LISTED, "X-Madang-CSRF": "1"}), 403, "forbidden")
    body = {"username": "bob", "password": "correct horse battery", "name": "Bob"}
    refused(await listing.client().post("/api/auth/register", json=body, headers={"Origin": LISTED}), 403, "forbidden")
    by_token = await listing.client().post(
        "/api/auth/register", json=body | {"cookies": False}, headers={"Origin": LISTED}
    )
    assert by_token.status_code == 201
    assert by_token.json()["refreshToken"]


async def test_without_a_list_nothing_is_said(api: Api) -> None:
    """A server for its own page alone answers no other one's questions."""
    response = await api.client().options("/api/me", headers={"Origin": LISTED, "Access-Control-Request-Method": "GET"})
    assert not [name for name in response.headers if name.lower().startswith("access-control")]


async def test_an_inexact_origin_stops_the_start(tmp_path: Path) -> None:
    """A wildcard would be taken for one by the framework; a path would never match."""
    for origin in ("https://*.example", "*", "https://shop.example/", "shop.example", "null"):
        with pytest.raises(ValueError, match="exact origin"):
            async with open_api(tmp_path, ApiOptions(origins=(origin,))):
                pass
