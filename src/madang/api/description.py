"""The API described by itself: an OpenAPI document and a page to read it.

Owns both, made from the routes when somebody first asks. Must never load anything from another server, and never list
what does not exist: there is no second source.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import msgspec
from litestar import Controller, Litestar, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.routes import HTTPRoute
from litestar.types import Method

from madang import __version__
from madang.api.description_page import STYLE, render_page
from madang.api.security import Policy
from madang.contract.rest import ApiError

__all__ = ["ApiDescription", "DescriptionController"]

_SCHEMA: Final = "#/components/schemas/{name}"
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_PAGE_HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_SECURITY: Final[dict[Policy, list[dict[str, list[str]]]]] = {
    Policy.PUBLIC: [],
    Policy.SIGNED_IN: [{"bearer": []}, {"cookie": []}],
    Policy.OPERATOR: [{"apiKey": []}],
}
_SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token of Madang or of the host application.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "madang_session",
        "description": "Our own page; writes also need `X-Madang-CSRF: 1`.",
    },
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "`MADANG_API_KEY`, or a request from the same machine.",
    },
}


class ApiDescription:
    """The document and the page, each made once.

    Args:
        describe: an application with the same routes, made to be looked at.
        prefix: path in front of everything.
    """

    def __init__(self, describe: Callable[[OpenAPIConfig], Litestar], prefix: str) -> None:
        self._describe = describe
        self._prefix = prefix

    @cached_property
    def document(self) -> bytes:
        """OpenAPI 3.1, as JSON."""
        return msgspec.json.encode(self._document)

    @cached_property
    def page(self) -> str:
        """The same, as HTML without scripts."""
        return render_page(self._document, f"{self._prefix}/api/openapi.json")

    @cached_property
    def _document(self) -> dict[str, Any]:
        config = OpenAPIConfig(
            title="Madang",
            version=__version__,
            description="The HTTP interface of a Madang chat server. Times are ISO 8601 UTC, ids are UUIDs.",
            use_handler_docstrings=True,
            operation_id_creator=_operation_id,
        )
        app = self._describe(config)
        document: dict[str, Any] = app.openapi_schema.to_schema()
        _, ours = msgspec.json.schema_components((ApiError,), ref_template=_SCHEMA)
        components = document.setdefault("components", {})
        components["schemas"] = dict(sorted((components.get("schemas", {}) | ours).items()))
        components["securitySchemes"] = _SCHEMES
        document["paths"] = dict(sorted(document["paths"].items()))  # the framework's order differs from run to run
        for route in app.routes:
            if isinstance(route, HTTPRoute):
                _complete(document, route)
        return document


class DescriptionController(Controller):
    """Where the description is found. It is made in a thread: that takes a tenth of a second."""

    path = "/"

    @get("/openapi.json", policy=Policy.PUBLIC, include_in_schema=False, sync_to_thread=True)
    def document(self, description: NamedDependency[ApiDescription]) -> Response[bytes]:
        """The OpenAPI document."""
        return Response(description.document, media_type="application/json")

    @get("/docs", policy=Policy.PUBLIC, include_in_schema=False, sync_to_thread=True)
    def page(self, description: NamedDependency[ApiDescription]) -> Response[str]:
        """The page."""
        return Response(description.page, media_type="text/html", headers=_PAGE_HEADERS)


def _operation_id(handler: HTTPRouteHandler, _: Method, __: list[Any]) -> str:
    noun = type(handler.owner).__name__ if handler.owner is not None else ""
    owner = getattr(handler.fn, "__qualname__", noun).partition("Controller.")[0]
    return f"{owner[:1].lower()}{owner[1:]}.{handler.fn.__name__}"


def _complete(document: dict[str, Any], route: HTTPRoute) -> None:
    """What the framework does not know of an operation: who may call it, and what every refusal looks like."""
    operations = document["paths"].get(route.path_format, {})
    for handler in route.route_handlers:
        for method in handler.http_methods:
            operation = operations.get(method.lower())
            if operation is None:
                continue
            operation["security"] = _SECURITY[handler.opt["policy"]]
            operation.pop("summary", None)  # the name of a Python function
            operation["responses"].pop("400", None)
            operation["responses"]["default"] = {
                "description": "A refusal: its code, in `error`, is for programs; its `reason` is for developers.",
                "content": {"application/json": {"schema": {"$ref": _SCHEMA.format(name="ApiError")}}},
            }
