"""Signing up, in and out over HTTP: with tokens and with cookies."""

from http.cookies import SimpleCookie
from pathlib import Path

import httpx2
import pytest

from madang.api.app import ApiOptions
from madang.ports.bus import SessionsRevoked
from madang.services.sessions import GRACE_MS
from tests.integration.api.api_client import BASE, OWN_PAGE, Api, open_api, refused
from tests.server_parts import PASSWORD

ANN = {"username": "ann", "password": PASSWORD, "name": "Ann"}
BY_TOKEN = {"cookies": False}


def set_cookies(response: httpx2.Response) -> SimpleCookie:
    """The cookies an answer sets, with their attributes."""
    jar = SimpleCookie()
    for line in response.headers.get_list("set-cookie"):
        jar.load(line)
    return jar


async def test_the_first_person_signs_up(api: Api) -> None:
    """201, the user, an access token that works, no refresh token in the body, and the word that one administrates."""
    client = api.client()
    response = await client.post("/api/auth/register", json=ANN, headers=OWN_PAGE)
    assert response.status_code == 201
    body = response.json()
    assert body["user"]["username"] == "ann"
    assert body["user"]["avatarUrl"] is None
    assert body["administrator"] is True
    assert body["expiresAt"].endswith("Z")
    assert "refreshToken" not in body
    assert PASSWORD not in response.text
    me = await api.client(body["accessToken"]).get("/api/me")
    assert me.json() == body["user"]
    assert (await client.get("/api/me")).json() == body["user"]


async def test_the_cookies_are_out_of_reach(api: Api) -> None:
    """Scripts cannot read them, other sites' posts do not carry them, and plain HTTP never sees them."""
    response = await api.client().post("/api/auth/register", json=ANN, headers=OWN_PAGE)
    jar = set_cookies(response)
    assert set(jar) == {"madang_session", "madang_refresh"}
    for morsel in jar.values():
        assert morsel["httponly"]
        assert morsel["secure"]
        assert morsel["samesite"] == "lax"
        assert 29 * 86_400 < int(morsel["max-age"]) <= 30 * 86_400
        assert not morsel["domain"]
    assert jar["madang_session"]["path"] == "/"
    assert jar["madang_refresh"]["path"] == "/api/auth"


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:8420", "http://localhost:8420", "http://[::1]:8420", "http://a.localhost"]
)
async def test_on_loopback_cookies_work_without_tls(api: Api, base: str) -> None:
    """On one's own machine there is no TLS, and signing in must work."""
    client = api.client(base=base)
    response = await client.post("/api/auth/register", json=ANN, headers=OWN_PAGE | {"Origin": base})
    assert response.status_code == 201
    assert not any(morsel["secure"] for morsel in set_cookies(response).values())
    assert (await client.get("/api/me")).status_code == 200


async def test_under_a_prefix_cookies_stay_there(tmp_path: Path) -> None:
    """Another application on the same host does not get them; the public address decides that they are secure."""
    options = ApiOptions(prefix="/chat", public_url="https://example.com/chat")
    async with open_api(tmp_path, options) as api:
        client = api.client(base="http://127.0.0.1:8420")
        own = OWN_PAGE | {"Origin": "https://example.com"}
        jar = set_cookies(await client.post("/chat/api/auth/register", json=ANN, headers=own))
        assert jar["madang_session"]["path"] == "/chat"
        assert jar["madang_refresh"]["path"] == "/chat/api/auth"
        assert jar["madang_session"]["secure"]
        refused(await client.post("/api/auth/register", json=ANN), 404, "not_found")


async def test_tokens_in_the_body_set_no_cookie(api: Api) -> None:
    """With `cookies: false` the refresh token is in the body, and works there."""
    response = await api.client().post("/api/auth/register", json=ANN | BY_TOKEN)
    assert not response.headers.get_list("set-cookie")
    again = await api.client().post(
        "/api/auth/refresh", json=BY_TOKEN | {"refreshToken": response.json()["refreshToken"]}
    )
    assert again.status_code == 200
    assert again.json()["user"] == response.json()["user"]
    assert again.json()["refreshToken"] != response.json()["refreshToken"]
    assert (await api.client(again.json()["accessToken"]).get("/api/me")).status_code == 200


async def test_signing_in(api: Api) -> None:
    """The right pair signs in, whatever the case of the name; a wrong one is 401 without a word about which part."""
    await api.client().post("/api/auth/register", json=ANN)
    response = await api.client().post("/api/auth/login", json={"username": "ANN", "password": PASSWORD})
    assert response.status_code == 200
    wrong = [
        await api.client().post("/api/auth/login", json={"username": name, "password": password})
        for name, password in (("ann", "wrong horse"), ("nobody", PASSWORD))
    ]
    assert refused(wrong[0], 401, "unauthenticated") == refused(wrong[1], 401, "unauthenticated")
    assert wrong[0].headers["WWW-Authenticate"] == "Bearer"


async def test_a_taken_name_and_a_weak_password(api: Api) -> None:
    """Each refusal names the field, for the form to show it there."""
    await api.client().post("/api/auth/register", json=ANN)
    taken = refused(await api.client().post("/api/auth/register", json=ANN), 409, "conflict")
    assert set(taken["details"]) == {"username"}
    weak = await api.client().post("/api/auth/register", json=ANN | {"username": "bob", "password": "12345678"})
    assert set(refused(weak, 422, "invalid")["details"]) == {"password"}


async def test_closed_registration(tmp_path: Path) -> None:
    """Who comes by the door is refused, and the public configuration says so beforehand."""
    async with open_api(tmp_path, registration="closed") as api:
        refused(await api.client().post("/api/auth/register", json=ANN), 403, "forbidden")
        assert (await api.client().get("/api/config")).json()["registration"] == "closed"


async def test_too_many_attempts(api: Api) -> None:
    """The eleventh attempt of a minute waits, in words a client and a proxy understand; a forged header is no way out."""
    for _ in range(10):
        await api.client().post("/api/auth/login", json={"username": "ann", "password": "wrong horse"})
    response = await api.client(X_Forwarded_For="192.0.2.9").post("/api/auth/login", json=ANN)
    body = refused(response, 429, "rate_limited")
    assert 0 < body["retryAfterMs"] <= 60_001
    assert response.headers["Retry-After"] == str(-(-body["retryAfterMs"] // 1_000))
    other = await api.client(address="198.51.100.7").post("/api/auth/login", json=ANN)
    refused(other, 401, "unauthenticated")


async def test_our_own_page_refreshes_with_its_cookie(api: Api) -> None:
    """New cookies replace the old ones, and the old refresh token is worth nothing after the grace."""
    page = await api.page("ann")
    before = page.cookies["madang_refresh"]
    response = await page.post("/api/auth/refresh", headers=OWN_PAGE)
    assert response.status_code == 200
    assert page.cookies["madang_refresh"] != before
    assert (await page.get("/api/me")).status_code == 200
    api.parts.clock.added_ms += GRACE_MS + 1
    stolen = await api.client().post("/api/auth/refresh", json=BY_TOKEN | {"refreshToken": before})
    refused(stolen, 401, "token_invalid")
    refused(await page.post("/api/auth/refresh", headers=OWN_PAGE), 401, "token_invalid")


async def test_an_expired_cookie_says_that_refreshing_helps(api: Api) -> None:
    """The page learns `token_expired`, refreshes, and goes on."""
    page = await api.page("ann")
    api.parts.clock.added_ms += 16 * 60_000
    refused(await page.get("/api/me"), 401, "token_expired")
    assert (await page.post("/api/auth/refresh", headers=OWN_PAGE)).status_code == 200
    assert (await page.get("/api/me")).status_code == 200


async def test_refreshing_without_a_token(api: Api) -> None:
    """Nobody was signed in: not an error of the form, but nothing to refresh either."""
    refused(await api.client().post("/api/auth/refresh"), 401, "unauthenticated")
    refused(await api.client().post("/api/auth/refresh", json={}), 401, "unauthenticated")
    refused(await api.client().post("/api/auth/refresh", json={"refreshToken": "x"}), 401, "token_invalid")
    access = (await api.client().post("/api/auth/register", json=ANN)).json()["accessToken"]
    refused(await api.client().post("/api/auth/refresh", json={"refreshToken": access}), 401, "token_invalid")


async def test_our_own_page_signs_out(api: Api) -> None:
    """Both cookies go, the session ends, its sockets are told, and even a copied token is worth nothing."""
    page = await api.page("ann")
    me = (await page.get("/api/me")).json()
    session, refresh = page.cookies["madang_session"], page.cookies["madang_refresh"]
    await api.parts.bus.subscribe([f"user:{me['id']}"])
    response = await page.post("/api/auth/logout", json={}, headers=OWN_PAGE)
    assert (response.status_code, response.content) == (204, b"")
    assert [morsel["max-age"] for morsel in set_cookies(response).values()] == ["0", "0"]
    assert not page.cookies
    (told,) = api.parts.heard
    assert isinstance(told, SessionsRevoked)
    assert (told.user_id, told.reason) == (me["id"], "logout")
    refused(await page.get("/api/me"), 401, "unauthenticated")
    refused(await api.client(session).get("/api/me"), 401, "token_invalid")
    refused(await api.client().post("/api/auth/refresh", json={"refreshToken": refresh}), 401, "token_invalid")


async def test_a_token_signs_its_session_out(api: Api) -> None:
    """Only its own: the other device stays."""
    await api.client().post("/api/auth/register", json=ANN)
    phone, laptop = [(await api.client().post("/api/auth/login", json=ANN)).json()["accessToken"] for _ in range(2)]
    assert (await api.client(phone).post("/api/auth/logout")).status_code == 204
    refused(await api.client(phone).get("/api/me"), 401, "token_invalid")
    assert (await api.client(laptop).get("/api/me")).status_code == 200
    refused(await api.client().post("/api/auth/logout"), 401, "unauthenticated")


async def test_a_refresh_token_signs_out_what_has_expired(api: Api) -> None:
    """An expired access token cannot end its session; its refresh token, in the body, can."""
    signed_in = (await api.client().post("/api/auth/register", json=ANN | BY_TOKEN)).json()
    api.parts.clock.added_ms += 16 * 60_000
    refused(await api.client(signed_in["accessToken"]).post("/api/auth/logout"), 401, "token_expired")
    token = {"refreshToken": signed_in["refreshToken"]}
    assert (await api.client().post("/api/auth/logout", json=token)).status_code == 204
    refused(await api.client().post("/api/auth/refresh", json=token), 401, "token_invalid")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": BASE},
        {"X-Madang-CSRF": "1"},
        {"Origin": BASE, "X-Madang-CSRF": "0"},
        {"Origin": "https://evil.test", "X-Madang-CSRF": "1"},
        {"Origin": "https://chat.test.evil.test", "X-Madang-CSRF": "1"},
        {"Origin": "https://chat.test:444", "X-Madang-CSRF": "1"},
        {"Origin": "null", "X-Madang-CSRF": "1"},
    ],
)
async def test_a_cookie_alone_writes_nothing(api: Api, headers: dict[str, str]) -> None:
    """Without our own Origin and the header, a browser's cookie is not its user's will."""
    page = await api.page("ann")
    for call in (
        page.patch("/api/me", json={"name": "Eve"}, headers=headers),
        page.post("/api/conversations", json={"type": "group"}, headers=headers),
        page.post("/api/auth/refresh", headers=headers),
        page.post("/api/auth/logout", headers=headers),
    ):
        refused(await call, 403, "forbidden")
    assert (await page.get("/api/me")).json()["name"] == "Ann"
    assert (await page.patch("/api/me", json={"name": "Anna"}, headers=OWN_PAGE)).status_code == 200


async def test_another_page_reads_nothing_with_our_cookie(api: Api) -> None:
    """A page of the same site but another origin gets no answer, even to a plain read."""
    page = await api.page("ann")
    for origin in ("https://other.chat.test", "http://evil.test", "null"):
        refused(await page.get("/api/me", headers={"Origin": origin}), 403, "forbidden")
    assert (await page.get("/api/me", headers={"Origin": BASE})).status_code == 200


async def test_another_page_signs_nobody_in(api: Api) -> None:
    """A strange page cannot put its own account's cookies into a visitor's browser."""
    await api.client().post("/api/auth/register", json=ANN)
    strange = {"Origin": "https://evil.test"}
    for path in ("login", "register", "refresh"):
        response = await api.client().post(f"/api/auth/{path}", json=ANN, headers=strange)
        refused(response, 403, "forbidden")
        assert not response.headers.get_list("set-cookie")
    assert (await api.client().post("/api/auth/login", json=ANN | BY_TOKEN, headers=strange)).status_code == 200


async def test_a_token_decides_alone(api: Api) -> None:
    """Where a token is shown, the cookie beside it is not a second chance."""
    page = await api.page("ann")
    for header in ("Bearer nonsense", "Bearer", "Basic YW5uOng=", ""):
        response = await page.get("/api/me", headers={"Authorization": header})
        assert response.status_code == 401, header
    session = page.cookies["madang_session"]
    assert (await page.get("/api/me", headers={"Authorization": f"bearer  {session} "})).status_code == 200
