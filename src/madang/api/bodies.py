"""Request bodies: strict JSON into contract types.

Owns decoding, because the framework's own is lax: it would take `"true"` for a boolean and `"5"` for a number, and a
client would rely on it. The rules are those of sockets' payloads (`contract.codec`).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar

import msgspec
from litestar._openapi.schema_generation import SchemaCreator
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from madang.contract.codec import decode_payload
from madang.contract.shapes import Shape
from madang.errors import ErrorCode, MadangError

__all__ = ["JsonBody"]


class JsonBody(AbstractDTO[Shape]):
    """Decodes the parameter `data` of every handler below the layer that names it."""

    _kinds: ClassVar[dict[str, type[Shape]]] = {}
    """By the id of the handler; filled while the application is put together, only read afterwards."""

    def decode_bytes(self, value: bytes) -> Shape:
        """The body as the type the handler asks for. Raises `MadangError(invalid)`, naming the field."""
        try:
            payload = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            raise MadangError(ErrorCode.INVALID, "the body is not valid JSON") from None
        return decode_payload(payload, self._kinds[self.asgi_connection.route_handler.handler_id])

    @classmethod
    def create_for_field_definition(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,
        backend_cls: Any = None,  # noqa: ARG003  # the framework's signature
    ) -> None:
        wanted = field_definition.inner_types if field_definition.is_optional else (field_definition,)
        cls._kinds[handler_id] = next(kind.annotation for kind in wanted if kind.is_subclass_of(Shape))

    @classmethod
    def create_openapi_schema(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,  # noqa: ARG003  # the framework's signature
        schema_creator: SchemaCreator,
    ) -> Reference | Schema:
        return schema_creator.for_field_definition(field_definition)

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        return field_definition.is_subclass_of(Shape)

    @classmethod
    def generate_field_definitions(
        cls,
        model_type: type[Any],  # noqa: ARG003  # the framework's signature
    ) -> Generator[DTOFieldDefinition, None, None]:
        yield from ()  # the types are decoded as they are; nothing is made out of their fields

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:  # noqa: ARG003  # the framework's signature
        return False
