"""Cursors and links."""

import base64
from typing import Any

import pytest

from madang.api.paging import inbox_cursor, inbox_place, link_header
from madang.contract.shapes import Membership, Summary
from madang.errors import ErrorCode, MadangError
from madang.ids import new_id


def summary(**changes: Any) -> Summary:
    """A conversation as it stands in a list."""
    fields: dict[str, Any] = {
        "id": new_id(), "type": "group", "name": None, "epoch": new_id(), "version": 1, "last_seq": 1,
        "member_count": 1, "faces": [], "last_message": None, "last_message_at": "2026-11-22T12:00:00.123Z",
        "created_at": "2026-11-01T00:00:00.000Z", "unread_count": 0,
        "me": Membership(role="owner", last_read_seq=0, unread_count=0, visible_from_seq=1),
    }  # fmt: skip  # nobody reads these
    return Summary(**(fields | changes))


def test_a_cursor_is_a_place() -> None:
    """What a page ends with comes back to the millisecond; nothing but letters that need no escaping."""
    last = summary()
    cursor = inbox_cursor(last)
    assert inbox_place(cursor) == (1_795_348_800_123, last.id)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert inbox_place(inbox_cursor(summary(last_message_at=None)))[0] == 1_793_491_200_000


ID = b"01a2054e-5f60-7291-ac5b-191c21d2d8d8"


@pytest.mark.parametrize(
    "place",
    [b"", b"[]", b"[1]", b'[1,"x"]', b'["1","%s"]' % ID, b"{}", b"\xff", b'[-1,"%s"]' % ID, b'[9e99,"%s"]' % ID],
)
def test_a_made_up_cursor_is_refused(place: bytes) -> None:
    """Whatever somebody puts into one, it is a place or it is nothing."""
    for cursor in (base64.urlsafe_b64encode(place).decode(), place.decode("latin-1"), "é"):
        with pytest.raises(MadangError) as caught:
            inbox_place(cursor)
        assert caught.value.code == ErrorCode.INVALID


def test_links() -> None:
    """Relative to the host, escaped, several in one header; none without any."""
    header = link_header("/api/x", {"prev": {"limit": 2, "before": 5}, "next": {"query": "a&b>"}})
    assert header == {"Link": '</api/x?limit=2&before=5>; rel="prev", </api/x?query=a%26b%3E>; rel="next"'}
    assert link_header("/api/x", {}) == {}
