"""Writes the pages that list facts: `scripts/reference_pages.py [--check]`.

Owns `docs/reference/{settings,errors,events,limits,permissions,metrics}.md`, each made from the code it describes, so that no page can
be wrong. `--check` changes nothing and fails if a page is out of date.
"""

import sys
from collections.abc import Iterable
from typing import Any

import msgspec

from madang.config import FILE, Settings, accepted, variable
from madang.contract.client_events import CLIENT_EVENTS
from madang.contract.export import CHECKOUT, drifted, write
from madang.contract.limits import LIMITS, Limits
from madang.contract.registry import field_docs
from madang.contract.server_events import SERVER_EVENTS
from madang.domain.membership import MEANINGS, PERMISSIONS, Action
from madang.errors import ERRORS
from madang.telemetry import METRICS

FLAGS = ("host", "port", "data", "workers")
SOURCE = "<!-- Written by scripts/reference_pages.py; changes by hand are lost. -->"


def page(title: str, opening: str, *sections: str) -> str:
    """A page with its title, one paragraph, and what follows."""
    return "\n\n".join([f"# {title}", SOURCE, opening, *sections]) + "\n"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; a bar inside a cell would end the cell, a line break the table."""
    columns = list(head)
    cells = ([" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows)
    lines = [columns, ["---"] * len(columns), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(value: object) -> str:
    """Something to be typed or read exactly."""
    return f"`{value}`"


def settings() -> str:
    """Every setting."""
    docs = field_docs(Settings)
    rows = []
    for name, accepts in accepted().items():
        flag = f", {code('--' + name)}" if name in FLAGS else ""
        meaning = docs[name] + (" Secret: never shown or logged." if accepts.secret else "")
        rows.append((code(variable(name)) + flag, accepts.words, default(getattr(Settings(), name)), meaning))
    return page(
        "Settings",
        f"Read once at start: flags win over the environment, the environment over the TOML file that {code(FILE)} names, "
        f"where the keys have no {code('MADANG_')} and are in lower case ({code('port = 8420')}). A wrong value, or a "
        f"{code('MADANG_')} variable that is not in this list, stops the start with a sentence. So does what is marked "
        '"not yet": this version cannot do it.',
        table(("setting", "accepts", "default", "meaning"), rows),
    )


def default(value: Any) -> str:
    """A default as one would write it."""
    if value in (None, "", (), {}):
        return "unset"
    if isinstance(value, bool):
        value = int(value)
    return code(",".join(map(str, value)) if isinstance(value, tuple) else value)


def errors() -> str:
    """The closed table of errors."""
    rows = [
        (code(kind.code), str(kind.http_status), "yes" if kind.retryable else "no", kind.meaning)
        for kind in ERRORS.values()
    ]
    return page(
        "Errors",
        f"The {code('error')} of a failed ack, of the {code('error')} event and of an HTTP answer. Codes are stable; "
        f"{code('reason')} is English for developers. Retry: the same request with the same {code('id')} may succeed "
        f"later, after {code('retryAfterMs')} where it is given; every other error is final.",
        table(("code", "HTTP", "retry", "meaning"), rows),
    )


def events() -> str:
    """Every event in both directions."""
    sent = [
        (
            code(event.name),
            code(event.payload.__name__),
            " or ".join(code(ack.__name__) for ack in event.acks),
            event.meaning,
        )
        for event in CLIENT_EVENTS.values()
    ]
    received = [
        (
            code(event.name),
            ", ".join(code("userId" if part is str else part.__name__) for part in event.payload),
            event.to,
        )
        for event in SERVER_EVENTS.values()
    ]
    return page(
        "Events",
        "The types are in `packages/client/src/generated/contract.ts` and `asyncapi.json`. An ack is "
        f"{code('{ok: true, …}')} or {code('{ok: false, error, reason, details?, retryAfterMs?, id?}')}.",
        "## From clients\n\n" + table(("event", "payload", "ack", "meaning"), sent),
        "## From the server\n\n" + table(("event", "arguments", "to"), received),
    )


def limits() -> str:
    """Every limit."""
    docs = field_docs(Limits)
    values = msgspec.to_builtins(LIMITS)
    names = {field.encode_name: field.name for field in msgspec.structs.fields(Limits)}
    rows = [(code(name), f"{value:,}", docs.get(names[name], "")) for name, value in values.items()]
    return page(
        "Limits",
        f"As clients find them in the ack of {code('init')} and at {code('/api/config')}. The rate of sending follows "
        f"{code('MADANG_SEND_RATE')}.",
        table(("limit", "value", "meaning"), rows),
    )


def permissions() -> str:
    """Who may do what."""
    roles = ("owner", "admin", "member")
    rows = [
        (
            code(action),
            *("yes" if role in PERMISSIONS["group"].get(action, ()) else "" for role in roles),
            "yes" if action in PERMISSIONS["direct"] else "",
            MEANINGS[action],
        )
        for action in Action
    ]
    return page(
        "Permissions",
        "Everybody in a group has one role; there is one owner. In a direct conversation both are equal. The log decides by "
        "this table under its lock, with the roles as they are at that moment. Removing somebody and changing their role "
        "takes a higher role than theirs.",
        table(("action", *roles, "direct", "meaning"), rows),
    )


def metrics() -> str:
    """Every metric of Madang's own."""
    rows = [(code(metric.name), metric.kind, metric.meaning) for metric in METRICS]
    return page(
        "Metrics",
        f"At {code('/metrics')}, for Prometheus: from the same machine, or with {code('MADANG_API_KEY')} as bearer token. "
        f"{code('process_*')} and {code('python_info')} stand beside these. The unit is the end of the name.",
        table(("metric", "kind", "meaning"), rows),
    )


def pages() -> dict[str, str]:
    """Path below the checkout to the text that belongs there."""
    made = {
        "settings": settings,
        "errors": errors,
        "events": events,
        "limits": limits,
        "permissions": permissions,
        "metrics": metrics,
    }
    return {f"docs/reference/{name}.md": make() for name, make in made.items()}


def main() -> int:
    """The command; 1 if `--check` finds a page out of date."""
    if "--check" not in sys.argv[1:]:
        for path in write(CHECKOUT, pages()):
            sys.stdout.write(f"wrote {path}\n")
        return 0
    stale = drifted(CHECKOUT, pages())
    for path in stale:
        sys.stderr.write(f"{path} is out of date. Run: python scripts/reference_pages.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
