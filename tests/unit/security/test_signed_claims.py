"""Claims of signed tokens: times, and who a token says it is from."""

from typing import Any

import jwt
import pytest

from madang.errors import ErrorCode, MadangError
from madang.security.signed_claims import claimed_issuer, key_id, seconds_claim, signed_claims

KEY = b"k" * 32
NOW = 1_800_000_000_000


def read(leeway_ms: int = 0, **claims: Any) -> dict[str, Any]:
    """The claims of a genuine token with these."""
    token = jwt.encode({"iss": "i", "aud": ["a", "b"], "exp": NOW // 1000 + 60} | claims, KEY, algorithm="HS256")
    return signed_claims(token, KEY, algorithms=("HS256",), issuer="i", audience="a", now=NOW, leeway_ms=leeway_ms)


def test_a_clock_that_runs_ahead_is_forgiven_by_the_leeway_only() -> None:
    """`iat` and `nbf` may lie ahead as far as agreed; an expiry is never stretched."""
    assert read(leeway_ms=30_000, iat=NOW // 1000 + 30)["iat"] == NOW // 1000 + 30
    for claims in ({"iat": NOW // 1000 + 31}, {"nbf": NOW // 1000 + 31}):
        with pytest.raises(MadangError) as caught:
            read(leeway_ms=30_000, **claims)
        assert caught.value.code == ErrorCode.TOKEN_INVALID
    with pytest.raises(MadangError) as caught:
        read(leeway_ms=30_000, exp=NOW // 1000)
    assert caught.value.code == ErrorCode.TOKEN_EXPIRED


def test_our_audience_may_be_one_of_several() -> None:
    """A token for several services is for us too."""
    assert read()["aud"] == ["a", "b"]


def test_the_issuer_is_read_without_trust() -> None:
    """Whose verifier is asked comes from the token; what is no token has none."""
    token = jwt.encode({"iss": "i"}, KEY, algorithm="HS256", headers={"kid": "one"})
    assert claimed_issuer(token) == "i"
    assert key_id(token) == "one"
    assert key_id(jwt.encode({}, KEY, algorithm="HS256")) is None
    for broken in ("", "a.b", "x" * 9_000):
        with pytest.raises(MadangError):
            claimed_issuer(broken)


@pytest.mark.parametrize(
    ("value", "seconds"), [(5, 5.0), (1.5, 1.5), (-1, None), (True, None), ("5", None), (2**60, None)]
)
def test_a_time_is_a_sensible_number(value: object, seconds: float | None) -> None:
    """Only numbers that can be a time are taken for one."""
    assert seconds_claim({"exp": value}, "exp") == seconds
