"""The checker itself: each way in which a history can be wrong is found, and counted as what it is."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from tests.faults.checker import KINDS, Log, check
from tests.faults.history import Record

ROOM = "room"
PEOPLE = ("ann", "bob", "cid")
"""Cid comes with the third message and is gone with the eighth."""
Records = list[Record]


def message(seq: int, sender: str | None, **fields: Any) -> dict[str, Any]:
    """A stored one."""
    return {"id": f"m{seq}", "seq": seq, "senderId": sender, "content": f"text {seq}", **fields}


def stored() -> list[dict[str, Any]]:
    """Ten messages."""
    log = [message(seq, PEOPLE[seq % 2]) for seq in range(1, 11)]
    log[0] = message(1, None, system={"kind": "created", "actorId": "ann", "userIds": ["bob"]})
    log[2] = message(3, None, system={"kind": "members_added", "actorId": "ann", "userIds": ["cid"]})
    log[7] = message(8, None, system={"kind": "member_removed", "actorId": "ann", "userIds": ["cid"]})
    return log


def record(user: str, what: Any, of: dict[str, Any], **fields: Any) -> Record:
    """Something one person's only device did or saw."""
    known = {"id": of["id"], "seq": of["seq"], "version": of["seq"], "body": of["content"], "conversation": ROOM}
    return Record(at=0, user=user, device=user, connection=1, what=what, **known | fields)


def history(log: Log) -> Records:
    """Everybody sends, is answered, and sees what they may, at once."""
    found: Records = []
    for one in map(dict, log):
        if one["senderId"]:
            found.append(record(one["senderId"], "send", one, outcome="invoke", seq=0))
            found.append(record(one["senderId"], "send", one))
        found += [
            record(user, "deliver", one, path="live") for user in PEOPLE if user != "cid" or 3 <= int(one["seq"]) < 8
        ]
    found += [record(user, "held", dict(one)) for user in ("ann", "bob") for one in log]
    return found


def place(records: Sequence[Record], **fields: Any) -> int:
    """Where the first record with these values stands."""
    return next(
        number
        for number, each in enumerate(records)
        if all(getattr(each, name) == value for name, value in fields.items())
    )


def kinds(log: Log, records: Records) -> set[str]:
    """What the checker finds."""
    return set(check(records, {ROOM: log}).counts)


def test_a_sound_history_is_clean() -> None:
    """And its sizes are counted."""
    report = check(history(stored()), {ROOM: stored()})
    assert report.clean, report
    assert (report.acknowledged, report.delivered) == (7, 25)
    assert str(report).startswith("7 acknowledged, 25 deliveries: 0 lost")


@pytest.mark.parametrize("change", [{"content": "other"}, {"id": "m99"}])
def test_an_acknowledged_message_that_is_not_stored_as_it_was_is_lost(change: dict[str, str]) -> None:
    """Its text, its number, or itself."""
    log = stored()
    log[4] |= change
    assert "lost" in kinds(log, history(stored()))


def test_an_accepted_message_is_stored_or_refused() -> None:
    """Accepted and nowhere is lost; accepted, then rejected, is not; accepted in its place is an acknowledgement."""
    sent, log = history(stored()), stored()
    where = place(sent, what="send", outcome="ok", id="m5")
    accepted = [*sent[:where], replace(sent[where], outcome="accepted", seq=0), *sent[where:]]
    assert check(accepted, {ROOM: log}).clean
    gone = replace(sent[where], outcome="accepted", seq=0, id="gone")
    assert check([*sent, gone], {ROOM: log}).counts == {"lost": 1}
    assert check([*sent, gone, replace(gone, outcome="fail")], {ROOM: log}).clean


def test_what_was_accepted_before_comes_before() -> None:
    """Whoever was told `accepted` has a place that nobody gets in front of who sends after that."""
    sent = history(stored())
    late = place(sent, what="send", outcome="invoke", id="m4")
    early = replace(sent[place(sent, what="send", outcome="ok", id="m9")], outcome="accepted", seq=0)
    assert check([*sent[:late], early, *sent[late:]], {ROOM: stored()}).counts["disordered"] >= 1


def test_a_tail_that_is_gone_is_lost() -> None:
    """Also when nothing follows it."""
    assert "lost" in kinds(stored()[:-1], history(stored()))


def test_an_id_at_two_numbers_is_duplicated() -> None:
    """A retry that was stored again."""
    log = [*stored(), message(11, "ann", id="m10")]
    assert "duplicated" in kinds(log, history(stored()))


def test_what_nobody_sent_is_a_phantom() -> None:
    """Stored without having been sent, or after it was refused."""
    records = history(stored())
    without = [each for each in records if not (each.what == "send" and each.id == "m5")]
    assert "phantom" in kinds(stored(), without)
    refused = place(records, what="send", outcome="ok", id="m5")
    assert "phantom" in kinds(
        stored(), [*records[:refused], replace(records[refused], outcome="fail"), *records[refused + 1 :]]
    )


def test_a_send_without_an_answer_may_be_stored_or_not() -> None:
    """A timeout is unknown, never failed."""
    records = history(stored())
    answer = place(records, what="send", outcome="ok", id="m10")
    unknown = [*records[:answer], replace(records[answer], outcome="info"), *records[answer + 1 :]]
    assert check(unknown, {ROOM: stored()}).clean
    never = [each for each in unknown if each.seq != 10]
    assert check(never, {ROOM: stored()[:-1]}).clean


def test_a_delivery_that_differs_is_divergent() -> None:
    """In its text, or because it was never stored: published before the commit, perhaps."""
    records = history(stored())
    first = place(records, what="deliver", seq=5)
    assert "divergent" in kinds(stored(), [*records, replace(records[first], body="other")])
    assert "divergent" in kinds(stored(), [*records, replace(records[first], seq=11, version=11)])


def test_a_changed_message_has_one_text_at_each_version() -> None:
    """Before it was edited it said something else, to everybody the same."""
    log = stored()
    records = history(log)
    log[4] |= {"version": 11, "editedAt": "now", "content": "better"}
    assert check(records, {ROOM: log}).clean
    first = place(records, what="deliver", seq=5)
    assert kinds(log, [*records, replace(records[first], body="other", connection=2)]) == {"divergent"}
    assert kinds(log, [*records, replace(records[first], version=11, connection=2)]) == {"divergent"}


def test_a_device_that_ends_with_another_state_is_divergent() -> None:
    """A reaction, an edit, a quote: whatever its person is shown who asks anew must be on the device."""
    records = history(stored())
    held = place(records, what="held", user="bob", seq=4)
    shown = replace(records[held], what="shown", digest="as it is")
    assert kinds(stored(), [*records, shown]) == {"divergent"}
    records[held] = replace(records[held], digest="as it is")
    assert kinds(stored(), [*records, shown]) == set()


def test_a_hole_is_skipped() -> None:
    """In the log, or in what a device has in the end."""
    log = stored()
    del log[5]
    assert "skipped" in kinds(log, history(log))
    records = history(stored())
    del records[place(records, what="held", user="bob", seq=4)]
    assert "skipped" in kinds(stored(), records)


@pytest.mark.parametrize("seq", [1, 2, 8, 9, 10])
def test_what_lies_outside_a_membership_is_unauthorised(seq: int) -> None:
    """Before one came, the entry that took one out, and after it."""
    shown = record("cid", "deliver", stored()[seq - 1], path="page")
    assert kinds(stored(), [*history(stored()), shown]) == {"unauthorised"}


def test_an_older_membership_is_over_when_a_newer_one_has_begun() -> None:
    """Who came back sees from there on, and nothing of before."""
    log = [*stored(), message(11, None, system={"kind": "members_added", "actorId": "ann", "userIds": ["cid"]})]
    records = history(stored())
    held = [record(user, "held", log[10]) for user in PEOPLE]
    back = [*records, record("cid", "deliver", log[10], path="live"), *held]
    assert kinds(log, back) == set()
    late = record("cid", "deliver", log[4], path="page")
    assert kinds(log, [*back, late]) == {"unauthorised"}
    back = [replace(each, at=number) for number, each in enumerate(back)]
    assert kinds(log, [*back, replace(late, asked=1)]) == set(), "asked while the older one lasted"
    assert kinds(log, [*back, replace(late, asked=len(back))]) == {"unauthorised"}


def test_one_socket_keeps_its_order() -> None:
    """Sent later, stored earlier: unless one of them had to be sent again."""
    records = history(stored())
    first, second = (place(records, what="send", outcome="invoke", id=each) for each in ("m4", "m6"))
    records[first], records[second] = records[second], records[first]
    assert "disordered" in kinds(stored(), records)
    again = place(records, what="send", outcome="ok", id="m4")
    records[again] = replace(records[again], again=True)
    assert "disordered" not in kinds(stored(), records)


def test_what_was_acknowledged_before_comes_before() -> None:
    """Whoever sent it: real time is kept within a conversation."""
    records = history(stored())
    late = records.pop(place(records, what="send", outcome="invoke", id="m4"))
    records.insert(place(records, what="send", outcome="ok", id="m5") + 1, replace(late, device="other"))
    ack = records.pop(place(records, what="send", outcome="ok", id="m4"))
    records.append(ack)
    assert kinds(stored(), records) == {"disordered"}


def test_versions_come_in_order_on_one_connection() -> None:
    """None again, none late; after a reconnect, or after asking, they may."""
    records = history(stored())
    shown = records[place(records, what="deliver", user="bob", seq=4)]
    assert kinds(stored(), [*records, shown]) == {"disordered"}
    assert kinds(stored(), [*records, replace(shown, connection=2)]) == set()
    asked = replace(records[place(records, what="deliver", user="bob", seq=3)], what="asked")
    assert kinds(stored(), [*records, asked, shown]) == set()


def test_a_mark_never_falls() -> None:
    """As one device is told it."""
    marks = [record("ann", "mark", stored()[seq - 1], about="bob") for seq in (4, 6, 5)]
    assert kinds(stored(), [*history(stored()), *marks]) == {"backward"}
    assert kinds(stored(), [*history(stored()), *marks[:2]]) == set()


def test_other_conversations_are_left_out() -> None:
    """A history may hold more than was asked about."""
    assert kinds(stored(), [*history(stored()), replace(history(stored())[0], conversation="other")]) == set()


def test_a_long_history_takes_its_time_only() -> None:
    """Ten times as much takes about ten times as long, counted in records looked at: each is looked at once."""
    chance = random.Random(0)
    log = [message(1, None, system={"kind": "created", "actorId": "ann", "userIds": ["bob"]})]
    log += [message(seq, chance.choice(("ann", "bob"))) for seq in range(2, 5_000)]
    looked = 0

    def counted() -> Any:
        nonlocal looked
        for each in history(log):
            if each.user != "cid":
                looked += 1
                yield each

    report = check(counted(), {ROOM: log})
    assert report.clean, report
    assert looked == 2 * 4_998 + 4 * 4_999
    assert set(report.counts) <= set(KINDS)
