"""Changes on PostgreSQL: the shared functions, with every lock taken before the first of them runs.

Owns the order of locks of a transaction that changes conversations: keys that shall be unique, conversations, members,
users, each by key. The functions take their own locks in the order of what they do; here they find them held, so two
transactions never wait for each other in a circle. And what is told of changes that were made by an attempt whose answer
was lost.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace
from sqlalchemy import Connection, func, select, tuple_
from sqlalchemy.exc import DataError, IntegrityError

from madang.ports.log import AddMembers, ChangeRole, CreateConversation, EndConversation, Outcome, RemoveMember, Verdict
from madang.storage.changes import Change, append_change
from madang.storage.column_types import among
from madang.storage.database import one_at_a_time
from madang.storage.log import spoiled
from madang.storage.messages import stored_messages
from madang.storage.tables import FIRST_MEMBERS, conversations, members, users
from madang.storage.terms import BatchTerms

__all__ = ["append_changes"]


def append_changes(
    conn: Connection, changes: Sequence[Change], terms: BatchTerms, *, wait: bool, attempted: Sequence[Verdict] = ()
) -> list[Verdict]:
    """Decide and make changes, one after another, in the transaction that is open; those of held conversations are BUSY.

    `attempted` is what an earlier attempt at the same changes decided, of which nobody knows whether it was committed.
    """
    for key in sorted(
        {change.unique_key for change in changes if isinstance(change, CreateConversation)} - {None}, key=str
    ):
        one_at_a_time(conn, f"conversation {key}")
    busy = _lock_conversations(conn, {change.conversation_id for change in changes}, wait=wait)
    free = [change for change in changes if change.conversation_id not in busy]
    _lock_people(conn, free)
    verdicts = [
        Verdict(outcome=Outcome.BUSY, conversation_id=change.conversation_id)
        if change.conversation_id in busy
        else _append(conn, change, terms)
        for change in changes
    ]
    if not attempted:
        return verdicts
    return [_heard(conn, verdict, first, terms) for verdict, first in zip(verdicts, attempted, strict=True)]


def _append(conn: Connection, change: Change, terms: BatchTerms) -> Verdict:
    try:
        with conn.begin_nested():
            return append_change(conn, change, terms)
    except (IntegrityError, DataError):
        return spoiled(change)


def _heard(conn: Connection, verdict: Verdict, first: Verdict, terms: BatchTerms) -> Verdict:
    """The verdict with the commits of an earlier attempt that nobody was told of.

    If this attempt found nothing to change, and what the earlier one would have changed stands at the version that it took,
    then it was made there: under the lock it was not yet so one version before. If others have changed it again, their news
    leave a hole that is repaired.
    """
    if verdict.commits or not first.commits:
        return verdict
    ids = [commit.message.id for commit in first.commits]
    stored = stored_messages(conn, first.conversation_id, ids, terms.epoch)
    commits = tuple(
        replace(commit, message=stored[commit.message.id])
        for commit in first.commits
        if commit.message.id in stored and stored[commit.message.id].version == commit.message.version
    )
    return replace(verdict, outcome=first.outcome, commits=commits) if commits else verdict


def _lock_conversations(conn: Connection, ids: set[str], *, wait: bool) -> set[str]:
    """Lock those that exist; returns those that somebody else holds."""
    here = select(conversations.c.id).where(among(conversations.c.id, ids)).order_by(conversations.c.id)
    held = set(conn.scalars(here.with_for_update(key_share=True, skip_locked=not wait)))
    if wait or len(held) == len(ids):
        return set()
    return set(conn.scalars(here)) - held


def _lock_people(conn: Connection, changes: Sequence[Change]) -> None:
    """Lock the places, and the people, that a change of membership may touch: the named, and who may inherit."""
    touched: set[tuple[str, str]] = set()
    named: set[str] = set()
    for change in changes:
        here = change.conversation_id
        match change:
            case CreateConversation():
                named.update(change.member_ids)
            case AddMembers():
                touched.update((here, user_id) for user_id in (change.actor_id, *change.user_ids))
            case RemoveMember() | ChangeRole():
                touched.update((here, user_id) for user_id in (change.actor_id, change.user_id, *_seniors(conn, here)))
            case EndConversation():
                present = select(members.c.user_id).where(
                    members.c.conversation_id == here, members.c.left_at.is_(None)
                )
                touched.update((here, user_id) for user_id in conn.scalars(present))
            case _:
                continue
    place = (members.c.conversation_id, members.c.user_id)
    if touched:
        rows = (
            select(*place).where(tuple_(*place).in_(sorted(touched))).order_by(*place).with_for_update(key_share=True)
        )
        conn.execute(rows)
    named |= {user_id for _, user_id in touched}
    if named:
        people = select(users.c.id).where(among(users.c.id, named)).order_by(users.c.id)
        conn.execute(people.with_for_update(key_share=True))


def _seniors(conn: Connection, conversation_id: str) -> list[str]:
    """The longest-standing few of each role, one of whom becomes owner when the last owner leaves."""
    order = func.row_number().over(partition_by=members.c.role, order_by=(members.c.joined_seq, members.c.user_id))
    ranked = (
        select(members.c.user_id, order.label("place"))
        .where(members.c.conversation_id == conversation_id, members.c.left_at.is_(None))
        .subquery()
    )
    return list(conn.scalars(select(ranked.c.user_id).where(ranked.c.place <= FIRST_MEMBERS)))
