"""The files generated from the contract: complete, deterministic, and what is committed."""

import json
import re
from pathlib import Path

import pytest

from madang.contract import rest
from madang.contract.asyncapi import asyncapi
from madang.contract.client_events import CLIENT_EVENTS
from madang.contract.export import CHECKOUT, drifted, exports, main
from madang.contract.registry import requests, structs
from madang.contract.server_events import SERVER_EVENTS
from madang.contract.typescript import typescript
from madang.errors import ErrorCode


def test_what_is_committed_is_what_the_contract_says() -> None:
    """Nobody changed the contract without its exports, nor the exports by hand."""
    assert drifted(CHECKOUT, exports()) == []


def test_the_output_depends_on_the_contract_alone() -> None:
    """Two runs say the same."""
    assert exports() == exports()


def test_every_event_and_error_is_in_the_typescript() -> None:
    """The event maps and the table of errors are complete."""
    text = typescript()
    for name in CLIENT_EVENTS.keys() | SERVER_EVENTS.keys():
        assert f'"{name}": (' in text
    for code in ErrorCode:
        assert f"  {code.value}: {{ httpStatus" in text


def test_types_stand_after_those_they_refer_to_and_once() -> None:
    """Every struct is written exactly once."""
    text = typescript()
    for struct in structs():
        assert text.count(f"export interface {struct.__name__} ") == 1


def test_clients_may_leave_out_defaults_and_the_server_never_does() -> None:
    """`?` follows who sends: a default is optional for clients, a fact for the server."""
    text = typescript()
    send = text[text.index("interface MessageSend ") :].split("}")[0]
    assert "readonly silent?: boolean;" in send
    assert "readonly content: string;" in send
    user = text[text.index("interface User ") :].split("}")[0]
    assert "readonly avatarUrl: string | null;" in user


def test_unset_fields_are_optional_everywhere() -> None:
    """What is left out when it does not apply is `?` for readers."""
    message = typescript().split("interface Message ")[1].split("}")[0]
    assert "readonly system?: SystemEvent;" in message
    assert "readonly editedAt: string | null;" in message


def test_comments_come_from_the_contract() -> None:
    """A field's docstring stands above it."""
    assert "  /** The first four members, oneself last. */\n  readonly faces: readonly User[];" in typescript()


def test_every_http_body_has_a_side() -> None:
    """A new body of the API is either listed as a request or sent by the server; today's requests are known by name."""
    from_clients = {getattr(rest, name) for name in rest.__all__} & requests()
    assert {body.__name__ for body in from_clients} == {
        "AddMembers", "ChangeRole", "CreateConversation", "Credentials", "EditBody", "MemberSettings", "ReadBody",
        "RefreshBody", "Registration", "SendBody", "UpdateConversation", "UpdateMe",
    }  # fmt: skip  # one list


def test_asyncapi_refers_only_to_what_it_holds() -> None:
    """Every reference of the document resolves inside it."""
    document = asyncapi()

    def resolve(reference: str) -> None:
        place = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step.replace("~1", "/").replace("~0", "~")]

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                resolve(value["$ref"])
            for part in value.values():
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)

    walk(document)
    assert json.loads(json.dumps(document)) == document


def test_asyncapi_has_an_operation_for_every_event() -> None:
    """Client events are received and replied to, server events are sent; keys are of letters and dots, as it demands."""
    document = asyncapi()
    operations, messages = document["operations"], document["components"]["messages"]
    received = {key for key, operation in operations.items() if operation["action"] == "receive"}
    assert {messages[key]["name"] for key in received} == set(CLIENT_EVENTS)
    assert {messages[key]["name"] for key in operations.keys() - received} == set(SERVER_EVENTS)
    assert all("reply" in operations[key] for key in received)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", key) for key in [*messages, *document["components"]["schemas"]])


def test_check_fails_with_a_sentence_on_drift(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` changes nothing and says which file and what to run."""
    assert main(["--check"], root=tmp_path) == 1
    said = capsys.readouterr().err
    assert "packages/client/src/generated/contract.ts is not what the contract says." in said
    assert "python -m madang.contract.export" in said
    assert list(tmp_path.iterdir()) == []


def test_writing_brings_everything_up_to_date(tmp_path: Path) -> None:
    """After writing, the check passes."""
    assert main([], root=tmp_path) == 0
    assert main(["--check"], root=tmp_path) == 0
