"""The HTTP application, put together.

Owns the addresses, the order of checks and the headers of every answer. Dependencies come in from the composition root;
nothing here is global.

Invariants:
1. A route that does not say who may call it stops the start.
2. The framework neither logs nor answers anything in its own way.
3. No answer may be kept by a cache: it is for whoever asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from litestar import Litestar, Request, Router
from litestar.config.cors import CORSConfig
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.types import Message, Scope

from madang.api.auth import AuthController
from madang.api.bodies import JsonBody
from madang.api.client_address import ClientAddresses
from madang.api.config import ConfigController
from madang.api.conversations import ConversationController
from madang.api.cookies import SessionCookies
from madang.api.description import ApiDescription, DescriptionController
from madang.api.errors import EXCEPTION_HANDLERS
from madang.api.forwarded import TrustedProxies
from madang.api.health import Exposition, HealthController, Readiness
from madang.api.me import MeController
from madang.api.members import MemberController
from madang.api.message_changes import MessageChangeController
from madang.api.messages import MessageController
from madang.api.origins import Origins
from madang.api.security import RequestSecurity, check_policies
from madang.api.users import UserController
from madang.clock import Clock
from madang.contract.limits import Limits
from madang.services.accounts import AccountService
from madang.services.conversations import ConversationService
from madang.services.identity import Identity, IdentityService
from madang.services.member_settings import MemberSettingsService
from madang.services.message_changes import MessageChangeService
from madang.services.message_people import MessagePeopleService
from madang.services.messages import MessageService
from madang.services.profiles import ProfileService
from madang.services.reading import ReadingService
from madang.services.sessions import SessionService

__all__ = ["ApiOptions", "ApiServices", "create_api", "create_operations"]

_CONTROLLERS: Final = (
    AuthController,
    MeController,
    UserController,
    ConversationController,
    MemberController,
    MessageController,
    MessageChangeController,
    ConfigController,
    DescriptionController,
)
_EXPOSED_HEADERS: Final = ["Link", "Retry-After", "ETag"]
_CORS_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_CORS_REQUEST_HEADERS: Final = ["Authorization", "Content-Type", "X-Madang-CSRF"]
_PREFLIGHT_SECONDS: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServices:
    """The use cases behind the calls."""

    identities: IdentityService
    sessions: SessionService
    accounts: AccountService
    profiles: ProfileService
    conversations: ConversationService
    messages: MessageService
    message_changes: MessageChangeService
    message_people: MessagePeopleService
    member_settings: MemberSettingsService
    reading: ReadingService


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOptions:
    """What the operator decides about the HTTP door."""

    prefix: str = ""
    """Path in front of everything, from a slash to no slash; empty: none."""
    public_url: str = ""
    """Where people reach the server; empty: wherever `Host` says."""
    origins: Sequence[str] = ()
    """Other pages that may come with a token."""
    api_key: str = ""
    """Opens the operator's calls from afar; empty: only this machine."""


def create_api(
    services: ApiServices,
    options: ApiOptions,
    limits: Limits,
    clock: Clock,
    *,
    proxies: TrustedProxies,
    exposition: Exposition,
    readiness: Readiness,
) -> Litestar:
    """The ASGI application of `{prefix}/api`, `{prefix}/health` and `{prefix}/metrics`.

    Raises:
        ValueError: a route has no policy, or an origin is not exact.
    """
    origins = Origins(options.public_url, options.origins)
    addresses = ClientAddresses(proxies)
    security = RequestSecurity(services.identities, origins, addresses, api_key=options.api_key)
    cookies = SessionCookies(options.prefix, origins, clock)

    def application(openapi: OpenAPIConfig | None) -> Litestar:
        return Litestar(
            route_handlers=_routers(options.prefix),
            dependencies={name: _given(value) for name, value in given.items()}
            | {"identity": Provide(_caller, sync_to_thread=False), "client_address": _address(addresses)},
            guards=[security.guard],
            exception_handlers=EXCEPTION_HANDLERS,
            before_send=[_harden],
            cors_config=_cors(origins),
            request_max_body_size=limits.payload_bytes,
            openapi_config=openapi,
            logging_config=None,
            debug=False,
            pdb_on_exception=False,
        )

    given: dict[str, Any] = {
        "sessions": services.sessions,
        "accounts": services.accounts,
        "profiles": services.profiles,
        "conversations": services.conversations,
        "messages": services.messages,
        "message_changes": services.message_changes,
        "message_people": services.message_people,
        "member_settings": services.member_settings,
        "reading": services.reading,
        "security": security,
        "session_cookies": cookies,
        "limits": limits,
        "exposition": exposition,
        "readiness": readiness,
        "description": ApiDescription(application, options.prefix),
    }
    app = application(None)
    check_policies(app.routes)
    return app


def create_operations(
    identities: IdentityService, api_key: str, *, proxies: TrustedProxies, exposition: Exposition, readiness: Readiness
) -> Litestar:
    """The ASGI application of a process that serves nobody: `/health` and `/metrics` only."""
    security = RequestSecurity(identities, Origins("", ()), ClientAddresses(proxies), api_key=api_key)
    app = Litestar(
        route_handlers=[HealthController],
        dependencies={"exposition": _given(exposition), "readiness": _given(readiness)},
        guards=[security.guard],
        exception_handlers=EXCEPTION_HANDLERS,
        before_send=[_harden],
        openapi_config=None,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )
    check_policies(app.routes)
    return app


def _routers(prefix: str) -> list[Router]:
    health = [Router(prefix or "/", route_handlers=[HealthController])]
    if prefix:  # probes on the machine itself know nothing of the public address
        health.append(Router("/", route_handlers=[HealthController], include_in_schema=False))
    return [Router(f"{prefix}/api", route_handlers=list(_CONTROLLERS), dto=JsonBody, return_dto=None), *health]


def _given(value: object) -> Provide:
    return Provide(lambda: value, sync_to_thread=False)


def _address(addresses: ClientAddresses) -> Provide:
    def client_address(scope: Scope) -> str:
        return addresses.of(scope)

    return Provide(client_address, sync_to_thread=False)


def _caller(request: Request[Any, Any, Any]) -> Identity:
    identity: Identity = request.user  # set by the guard: only handlers of signed-in people ask for it
    return identity


def _cors(origins: Origins) -> CORSConfig | None:
    if not origins.allowed:
        return None
    return CORSConfig(
        allow_origins=list(origins.allowed),
        allow_methods=list(_CORS_METHODS),  # type: ignore[arg-type]  # plain words are its methods
        allow_headers=list(_CORS_REQUEST_HEADERS),
        expose_headers=list(_EXPOSED_HEADERS),
        allow_credentials=False,
        max_age=_PREFLIGHT_SECONDS,
    )


async def _harden(message: Message, _: Scope) -> None:
    if message["type"] == "http.response.start":
        headers = [*message.get("headers", ())]
        headers += ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
        message["headers"] = headers
