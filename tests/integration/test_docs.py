"""The pages about writing a client, about the guarantees and about growing name only what exists.

Owns the comparison of the code in docs/clients.md with the contract, of the proofs in docs/guarantees.md with the tests there
are, and of what docs/scaling.md tells operators to set, watch and start with what there is. That what the first says is true is tested by a client written from it, in tests/interop.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from madang.config import accepted, variable
from madang.contract.client_events import CLIENT_EVENTS
from madang.contract.registry import structs
from madang.contract.server_events import SERVER_EVENTS
from madang.errors import ErrorCode
from madang.telemetry import METRICS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "clients.md"
GUARANTEES = ROOT / "docs" / "guarantees.md"
SCALING = ROOT / "docs" / "scaling.md"
SOCKET_IO = {"connect", "disconnect", "connect_error"}
COOKIES = {"madang_session", "madang_refresh"}
OF_THE_CLIENT = {"no_answer", "currentToken", "reconnectionDelayMax"}


@cache
def code() -> tuple[str, ...]:
    """The blocks and the spans of code on the page."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return (*blocks, *spans)


def fields(struct: Any) -> set[str]:
    """The names of a type's fields, as they are on the wire."""
    return {field.encode_name for field in msgspec.structs.fields(struct)}


def listed(shape: str) -> set[str]:
    """The names in `{a, b?, c: 1, …}`."""
    return set(re.findall(r"(?:^|,)\s*\"?(\w+)", shape))


def literals(schema: object) -> set[str]:
    """Every value some field is limited to."""
    if isinstance(schema, dict):
        return set(schema.get("enum", ())).union(*map(literals, schema.values()))
    return set().union(*map(literals, schema)) if isinstance(schema, list) else set()


def test_every_event_exists() -> None:
    """Nobody listens to, or sends, an event that is not in the contract."""
    for text in code():
        for name in re.findall(r"(?:emit|ask|askUntilFinal)\(\"([^\"]+)\"", text):
            assert name in CLIENT_EVENTS, name
        for name in re.findall(r"\bon\(\"([^\"]+)\"", text):
            assert name in SERVER_EVENTS.keys() | SOCKET_IO, name
        for name in re.findall(r"(?<![\w/\"])([a-z]+:[a-z]+)\b", text):
            assert name in CLIENT_EVENTS.keys() | SERVER_EVENTS.keys() or name.startswith("https:"), name


def test_what_is_sent_has_the_fields_of_its_event() -> None:
    """The samples send what the server reads, since what it does not know it ignores without a word."""
    sent = [found for text in code() for found in re.findall(r"(?:emit|ask)\(\"([\w:]+)\", \{([^}]*)\}", text)]
    assert len(sent) >= 4
    for name, shape in sent:
        assert listed(shape) <= fields(CLIENT_EVENTS[name].payload), name


def test_shapes_have_the_fields_of_the_contract() -> None:
    """`event {field, …}` and `name {field, …}` of the page agree with the types."""
    own = {"replyTo": "Quote", "system": "SystemEvent", "sender": "Sender", "server": "ServerInfo", "me": "Membership"}
    types = {struct.__name__: struct for struct in structs()}
    seen = 0
    for name, shape in (found for text in code() for found in re.findall(r"^([a-z][\w:]*) \{([^}…]*)…?\}", text)):
        if name in CLIENT_EVENTS.keys() | SERVER_EVENTS.keys():
            payloads: list[Any] = [CLIENT_EVENTS[name].payload] if name in CLIENT_EVENTS else []
            payloads += SERVER_EVENTS[name].payload if name in SERVER_EVENTS else ()
            assert any(listed(shape) <= fields(payload) for payload in payloads if payload is not str), name
        else:
            assert listed(shape) <= fields(types[own[name]]), name
        seen += 1
    assert seen >= 10


def test_every_guarantee_has_proofs_that_exist() -> None:
    """Each promise but the last, which is not made yet, names a test; each name is one that pytest or vitest runs."""
    promises = re.split(
        r"^## (?=\d)", GUARANTEES.read_text(encoding="utf-8").partition("\n## Figures")[0], flags=re.MULTILINE
    )[1:]
    proofs = [re.findall(r"^- `((?:tests|packages)/[^`]+)`", promise, re.MULTILINE) for promise in promises]
    assert [bool(found) for found in proofs] == [True] * 11 + [False]
    for proof in (each for found in proofs for each in found):
        path, _, test = proof.partition("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert path.startswith("packages/") or f"def {test}(" in text, proof


def test_what_operators_are_told_exists() -> None:
    """The page about growing names settings and metrics there are, and links to files that are kept."""
    text = SCALING.read_text(encoding="utf-8")
    settings = set(re.findall(r"\bMADANG_[A-Z_]+\b", text))
    assert len(settings) > 8
    assert settings <= {variable(name) for name in accepted()}
    metrics = set(re.findall(r"\bmadang_[a-z_]+\b", text))
    assert len(metrics) > 8
    assert metrics <= {metric.name for metric in METRICS}
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text)]
    assert not [link for link in links if link and not (SCALING.parent / link).exists()]


@pytest.mark.parametrize("form", [r"[a-z]+(?:[A-Z][a-z]+)+", r"[a-z]+(?:_[a-z]+)+"], ids=["fields", "codes"])
def test_every_name_of_the_contract_exists(form: str) -> None:
    """A field is one of some type; a code is an error, or a value of some field."""
    types = structs()
    known = SOCKET_IO | COOKIES | OF_THE_CLIENT | {error.value for error in ErrorCode}
    known |= set().union(*map(fields, types)) | literals(msgspec.json.schema_components(types)[1])
    names = {text.rstrip("?") for text in code() if re.fullmatch(form + r"\??", text)}
    assert len(names) > 8
    assert names <= known, names - known
