"""The socket events as an AsyncAPI 3.0 document, for tools that draw or generate from one.

Owns the mapping of Socket.IO onto AsyncAPI: one channel, one message per event and per ack, one operation per event seen
from the server (it receives what clients send and replies with the ack). The output depends on the contract alone.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from madang.contract.client_events import CLIENT_EVENTS, AckFailure
from madang.contract.limits import CONTRACT_VERSION
from madang.contract.server_events import SERVER_EVENTS

__all__ = ["asyncapi"]

_CHANNEL: Final = {"$ref": "#/channels/socket"}


def asyncapi() -> dict[str, Any]:
    """The document as plain JSON values."""
    payloads: list[type] = [part for event in CLIENT_EVENTS.values() for part in (event.payload, *event.acks)]
    payloads += [part for event in SERVER_EVENTS.values() for part in event.payload]
    wanted = list(dict.fromkeys([*payloads, AckFailure]))
    schemas, components = msgspec.json.schema_components(wanted, ref_template="#/components/schemas/{name}")
    schema_of: dict[type, dict[str, Any]] = dict(zip(wanted, schemas, strict=True))
    messages: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for event in CLIENT_EVENTS.values():
        answer = {"oneOf": [*(schema_of[ack] for ack in event.acks), schema_of[AckFailure]]}
        key = _key("client", event.name)
        messages[key] = {"name": event.name, "summary": event.meaning, "payload": schema_of[event.payload]}
        messages[f"{key}.ack"] = {"name": f"{event.name}:ack", "payload": answer}
        reply = {"channel": _CHANNEL, "messages": [_message(f"{key}.ack")]}
        operations[key] = _operation("receive", key, event.meaning) | {"reply": reply}
    for sent in SERVER_EVENTS.values():
        key = _key("server", sent.name)
        messages[key] = {"name": sent.name, "summary": f"To: {sent.to}", "payload": _arguments(sent.payload, schema_of)}
        operations[key] = _operation("send", key, f"To: {sent.to}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Madang",
            "version": str(CONTRACT_VERSION),
            "description": "Socket.IO protocol 5, namespace `/`, path `{prefix}/socket.io/`. Authentication: `auth: "
            "{token}` in CONNECT, or the session cookie on the same origin.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "socket": {
                "address": "/socket.io/",
                "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in messages},
            }
        },
        "operations": operations,
        "components": {"messages": messages, "schemas": dict(sorted(components.items()))},
    }


def _operation(action: str, key: str, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": _CHANNEL, "summary": summary, "messages": [_message(key)]}


def _message(key: str) -> dict[str, str]:
    return {"$ref": f"#/channels/socket/messages/{key}"}


def _key(sender: str, event: str) -> str:
    """`client.message.read`: some events go both ways, and AsyncAPI allows no colon in a key."""
    return f"{sender}.{event.replace(':', '.')}"


def _arguments(payload: tuple[type, ...], schema_of: dict[type, dict[str, Any]]) -> dict[str, Any]:
    """The schema of an event's arguments: the one argument, or a list of them in order."""
    if len(payload) == 1:
        return schema_of[payload[0]]
    return {"type": "array", "prefixItems": [schema_of[part] for part in payload], "items": False}
