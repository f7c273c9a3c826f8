"""Which entries share a transaction on PostgreSQL."""

from madang.ids import new_id
from madang.ports.log import Entry
from madang.storage.postgres_log import stages
from tests.conformance.chat import creation, message, removal

ANN, ONE, TWO = new_id(), new_id(), new_id()


def test_sends_of_many_conversations_are_one_stage() -> None:
    """Whatever their order."""
    assert stages([message(ONE, ANN), message(TWO, ANN), message(ONE, ANN)]) == [[0, 1, 2]]


def test_an_id_that_comes_again_is_decided_later() -> None:
    """It is then the duplicate of a message that is stored, and what follows it stays behind it."""
    first = message(ONE, ANN)
    assert stages([first, message(TWO, ANN), first, message(ONE, ANN), first]) == [[0, 1], [2, 3], [4]]


def test_an_empty_batch_has_no_stage() -> None:
    """Nothing is asked of the database."""
    assert stages([]) == []


def test_a_conversation_keeps_the_order_of_its_sends_and_changes() -> None:
    """Each turn from one kind to the other is a stage; another conversation's entries join the first that is theirs."""
    entries: list[Entry] = [
        message(ONE, ANN),
        removal(ONE, ANN, ANN),
        message(ONE, ANN),
        removal(TWO, ANN, ANN),
        message(TWO, ANN),
    ]
    assert stages(entries) == [[0], [1, 3], [2, 4]]


def test_changes_keep_their_order_among_conversations() -> None:
    """One may take the key that an earlier one gives up."""
    late: list[Entry] = [
        removal(ONE, ANN, ANN),
        message(ONE, ANN),
        removal(ONE, ANN, ANN),
        creation(ANN, unique_key="k"),
    ]
    assert stages(late) == [[0], [1], [2, 3]]


def test_a_reply_to_a_message_of_the_same_batch_comes_after_it() -> None:
    """Its target must be there to be seen; the reply to an older message must not wait."""
    first = message(ONE, ANN)
    second = message(ONE, ANN, reply_to_id=first.id)
    third = message(ONE, ANN, reply_to_id=second.id)
    old = message(TWO, ANN, reply_to_id=new_id())
    elsewhere = message(TWO, ANN, reply_to_id=first.id)
    assert stages([first, old, second, third, elsewhere]) == [[0, 1, 4], [2], [3]]
