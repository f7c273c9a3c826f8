"""What is kept of a request."""

from madang.socketio.handshake import Request, has_invalid_characters, keep_headers, parse_query


def test_few_headers_are_kept_and_equal_ones_are_shared() -> None:
    """All but cookies, which are secrets and differ for everybody."""
    raw = [
        (b"host", b"h"),
        (b"user-agent", b"Mozilla/5.0 X"),
        (b"cookie", b"secret=1"),
        (b"authorization", b"Bearer x"),
    ]
    one, two = keep_headers(raw), keep_headers(raw)
    assert one == {"host": "h", "user-agent": "Mozilla/5.0 X", "cookie": "secret=1"}
    assert one["user-agent"] is two["user-agent"]
    assert one["cookie"] is not two["cookie"]


def test_the_application_sees_the_query_without_the_protocol() -> None:
    """Decoded, blank values kept; without any of its own it is one shared empty mapping."""
    query = parse_query(b"EIO=4&transport=polling&t=x&sid=s&room=%ED%95%9C&empty=")
    assert query is not None
    request = Request(method="GET", query=query, headers={}, address="", secure=False)
    assert request.handshake().query == {"room": "한", "empty": ""}
    plain = Request(method="GET", query={"EIO": "4"}, headers={}, address="", secure=False)
    assert plain.handshake().query is plain.handshake().query
    assert plain.handshake({"a": 1}).auth == {"a": 1}


def test_an_absurd_query_is_refused() -> None:
    """More fields than anybody needs."""
    assert parse_query(b"&".join(b"a=%d" % number for number in range(100))) is None


def test_control_characters_have_no_place_in_a_header() -> None:
    """A tab has."""
    assert has_invalid_characters("https://a\x01")
    assert has_invalid_characters("https://a\x7f")
    assert not has_invalid_characters("https://a\t\xe9")
