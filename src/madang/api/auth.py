"""Signing up, in and out over HTTP, and the next access token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from madang.api.cookies import SessionCookies
from madang.api.security import Policy, RequestSecurity
from madang.contract.rest import REFRESH_COOKIE, Credentials, RefreshBody, Registration, SignedIn
from madang.errors import ErrorCode, MadangError
from madang.services.accounts import AccountService
from madang.services.sessions import SessionService

__all__ = ["AuthController"]


class AuthController(Controller):
    """Every answer that signs in either sets both cookies or, with `cookies: false`, carries the refresh token."""

    path = "/auth"
    tags: Sequence[str] | None = ("auth",)

    @post("/register", policy=Policy.PUBLIC)
    async def register(
        self,
        data: JSONBody[Registration],
        request: Request[Any, Any, Any],
        accounts: NamedDependency[AccountService],
        session_cookies: NamedDependency[SessionCookies],
        client_address: NamedDependency[str],
    ) -> Response[SignedIn]:
        """Make an account and sign in. The first account of an empty server is its administrator."""
        session_cookies.check(request, wanted=data.cookies)
        sign_in = await accounts.register(data, client_address)
        return session_cookies.signed_in(request, sign_in, cookies=data.cookies, status_code=201)

    @post("/login", policy=Policy.PUBLIC, status_code=200)
    async def login(
        self,
        data: JSONBody[Credentials],
        request: Request[Any, Any, Any],
        accounts: NamedDependency[AccountService],
        session_cookies: NamedDependency[SessionCookies],
        client_address: NamedDependency[str],
    ) -> Response[SignedIn]:
        """Sign in with username and password."""
        session_cookies.check(request, wanted=data.cookies)
        sign_in = await accounts.sign_in(data, client_address)
        return session_cookies.signed_in(request, sign_in, cookies=data.cookies, status_code=200)

    @post("/refresh", policy=Policy.PUBLIC, status_code=200)
    async def refresh(
        self,
        request: Request[Any, Any, Any],
        sessions: NamedDependency[SessionService],
        session_cookies: NamedDependency[SessionCookies],
        security: NamedDependency[RequestSecurity],
        data: JSONBody[RefreshBody | None] = None,
    ) -> Response[SignedIn]:
        """The next access token, for the refresh token in the body or the cookie. Each refresh token works once; if the
        answer was lost, the same one may be sent again within a minute.
        """
        body = data or RefreshBody()
        session_cookies.check(request, wanted=body.cookies)
        token = _refresh_token(request, security, body)
        if token is None:
            raise MadangError(ErrorCode.UNAUTHENTICATED, "there is no refresh token: sign in")
        sign_in = await sessions.refresh(token)
        return session_cookies.signed_in(request, sign_in, cookies=body.cookies, status_code=200)

    @post("/logout", policy=Policy.PUBLIC, status_code=204)
    async def logout(
        self,
        request: Request[Any, Any, Any],
        sessions: NamedDependency[SessionService],
        session_cookies: NamedDependency[SessionCookies],
        security: NamedDependency[RequestSecurity],
        data: JSONBody[RefreshBody | None] = None,
    ) -> Response[None]:
        """End the session of the access token, or of the refresh token in the body or the cookie. Its sockets close and
        stay away. An expired access token cannot end its session: send the refresh token.
        """
        by_bearer = "authorization" in request.headers
        token = _refresh_token(request, security, data or RefreshBody(), cookie=not by_bearer)
        if token is not None:
            await sessions.sign_out_with(token)
        else:
            identity = await security.identify(request)
            if identity.session_id is not None:
                await sessions.sign_out(identity.user_id, identity.session_id)
        return session_cookies.signed_out(request)


def _refresh_token(
    request: Request[Any, Any, Any],
    security: NamedDependency[RequestSecurity],
    body: RefreshBody,
    *,
    cookie: bool = True,
) -> str | None:
    if isinstance(body.refresh_token, str):
        return body.refresh_token
    token = request.cookies.get(REFRESH_COOKIE) if cookie else None
    if token:
        security.check_own_page(request)
    return token or None
