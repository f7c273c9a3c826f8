"""The page of the API: everything escaped, everything linked."""

from typing import Any

from madang.api.description_page import render_page


def document(**changes: Any) -> dict[str, Any]:
    """A small OpenAPI document."""
    operation = {
        "tags": ["people"],
        "description": "Read `one` <thing> & more.",
        "security": [],
        "parameters": [{"name": "limit", "schema": {"oneOf": [{"type": "integer"}, {"type": "null"}]}}],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/User"}}}},
        "responses": {"200": {"description": "", "content": {"application/json": {"schema": {"type": "array", "items": {"enum": ["a", 1]}}}}}},
    }  # fmt: skip  # a document is deep
    base = {
        "info": {"title": "Madang", "version": "1<2"},
        "paths": {"/api/<me>": {"get": operation}},
        "components": {"schemas": {"User": {"properties": {"id": {"type": "string"}}, "required": ["id"]}}},
    }
    return base | changes


def test_what_comes_out_of_the_document_is_escaped() -> None:
    """A sentence with markup in it stays a sentence; backticks become code."""
    page = render_page(document(), "/api/openapi.json")
    assert "<thing>" not in page
    assert "<me>" not in page
    assert "Read <code>one</code> &lt;thing&gt; &amp; more." in page


def test_types_are_told_in_words_and_linked() -> None:
    """Unions, lists, choices and named types."""
    page = render_page(document(), "/api/openapi.json")
    assert "integer or null" in page
    assert "list of <code>a</code> or <code>1</code>" in page
    assert '<a href="#User">User</a>' in page
    assert '<details id="User">' in page
    assert "nobody has to be signed in" in page
