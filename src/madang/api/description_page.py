"""The page that shows the API: the OpenAPI document as plain HTML.

Owns its looks. No script runs and nothing is loaded, so it works without the internet and under the strictest policy;
everything that comes out of the document is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

__all__ = ["STYLE", "render_page"]

STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, .path { font-family: ui-monospace, monospace; font-size: .9em; }
details { border: 1px solid #8885; border-radius: .5rem; margin: .5rem 0; padding: .5rem .75rem; }
summary { cursor: pointer; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 700; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
td, th { border-bottom: 1px solid #8883; padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; }
"""
_METHODS: Final = ("get", "post", "put", "patch", "delete")


def render_page(document: Mapping[str, Any], document_path: str) -> str:
    """The whole page for an OpenAPI document."""
    info = document["info"]
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escape(info['title'])} API</title><style>{STYLE}</style></head><body>",
            f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1><p>{_prose(info.get('description', ''))}</p>",
            f'<p>For programs: <a href="{escape(document_path)}">the OpenAPI document</a>.</p>',
            *_operations(document),
            "<h2>Types</h2>",
            *(_schema(name, schema) for name, schema in document["components"]["schemas"].items()),
            "</body></html>",
        )
    )


def _operations(document: Mapping[str, Any]) -> Iterator[str]:
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                tag = (operations[method].get("tags") or ["other"])[0]
                by_tag.setdefault(tag, []).append(_operation(path, method, operations[method]))
    for tag, rendered in by_tag.items():
        yield f"<h2>{escape(tag.capitalize())}</h2>"
        yield from rendered


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    about = str(operation.get("description", ""))
    who = " or ".join(next(iter(one)) for one in operation["security"]) or "nobody has to be signed in"
    rows = [
        (parameter["name"], _type(parameter["schema"]), parameter.get("description", ""))
        for parameter in operation.get("parameters", ())
    ]
    body = operation.get("requestBody")
    if body is not None:
        rows.append(("body", _content(body), ""))
    rows += [(status, _content(answer), answer["description"]) for status, answer in operation["responses"].items()]
    return (
        f'<details><summary><span class="method">{method.upper()}</span> <span class="path">{escape(path)}</span><br>'
        f"{_prose(about)}</summary><p>Authentication: {escape(who)}.</p>{_table(rows)}</details>"
    )


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        (field, _type(kind), kind.get("description", "") or ("" if field in required else "optional"))
        for field, kind in schema.get("properties", {}).items()
    ]
    about = _prose(str(schema.get("description", "")))
    return (
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code> {about}</summary>{_table(rows)}</details>'
    )


def _table(rows: list[tuple[str, str, str]]) -> str:
    cells = (f"<tr><td><code>{escape(a)}</code></td><td>{b}</td><td>{_prose(c)}</td></tr>" for a, b, c in rows)
    return f"<table>{''.join(cells)}</table>" if rows else ""


def _content(part: Mapping[str, Any]) -> str:
    return ", ".join(_type(kind.get("schema", {})) for kind in part.get("content", {}).values())


def _type(schema: Mapping[str, Any]) -> str:
    """A type in a few words; named ones link to their entry below."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    for union in ("oneOf", "anyOf"):
        if union in schema:
            return " or ".join(_type(kind) for kind in schema[union])
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(" or ".join(kind) if isinstance(kind, list) else str(kind))


def _prose(text: str) -> str:
    """Escaped text in which backticks mark code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))
