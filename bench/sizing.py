"""How much it takes for so many people: a small model of a Madang installation.

Owns the arithmetic: people's habits (`Habits`) and what one operation costs (`bench.costs`) in, processes, memory, rates and what
breaks first out. Pure. It adds up averages: it knows no queues, no networks and no bad luck, so its figures say what order of
size something is of, and which part is the first to be too small.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Annotated, Final

from bench.costs import GROUP, LIST
from madang.gateway.sweep import ROUND_SECONDS
from madang.storage.postgres_connections import LANES, READS, SPARE, WRITES

__all__ = [
    "Demand",
    "Habits",
    "Limit",
    "Plan",
    "connect_cost",
    "demand_of",
    "heard_elsewhere",
    "limits",
    "node_work",
    "plan",
]

DAY: Final = 86_400.0
MOST_ROUNDS: Final = 100
CONNECTIONS: Final = LANES + READS + WRITES + SPARE + 1
"""Of a process to PostgreSQL at most; one holds the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What is assumed. Every one is an option of the command."""

    messages_per_day: Annotated[float, "messages each connected user sends in a day"] = 40.0
    peak_factor: Annotated[float, "the busiest minute, to the mean of the day"] = 4.0
    group_size: Annotated[float, "members of the conversation that a message is sent to, 100 at most"] = 10.0
    online_share: Annotated[float, "part of the members of a conversation who are connected"] = 0.3
    marks_per_delivery: Annotated[float, "read marks for each message that reaches somebody else"] = 0.5
    typing_per_message: Annotated[float, "signals of typing for each message"] = 2.0
    list_size: Annotated[float, "conversations in somebody's list"] = 20.0
    connects_per_day: Annotated[float, "how often each comes back in a day"] = 20.0
    ping_interval: Annotated[float, "seconds between heartbeats, MADANG_PING_INTERVAL"] = 25.0
    sockets_per_process: Annotated[float, "sockets a process is given at most; 5,000 is the most that was measured"] = (
        10_000.0
    )
    busy: Annotated[float, "part of a core that may be used in the busiest minute"] = 0.6
    storm_seconds: Annotated[float, "in which everybody is to be back after all were cut off"] = 300.0
    machine_cores: Annotated[float, "cores of a machine that runs nodes, each a process"] = 8.0
    database_cores: Annotated[float, "cores of the largest PostgreSQL machine one would run"] = 64.0
    database_connections: Annotated[float, "connections such a PostgreSQL may have"] = 2_000.0
    database_log: Annotated[float, "MB/s of write-ahead log that its disk can flush"] = 200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What happens in a second of the busiest minute."""

    messages: float
    deliveries: float
    """Of messages, to their senders' own devices as well."""
    marks: float
    typing: float
    notices: float
    """Deliveries of marks and of typing."""
    connects: float
    heartbeats: float

    @property
    def news(self) -> float:
        """Messages on the bus: every message, mark and signal is one."""
        return self.messages + self.marks + self.typing


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that cannot be made larger by adding a machine: how much of it is wanted, how much there is."""

    name: str
    wanted: float
    there_is: float
    unit: str

    @property
    def share(self) -> float:
        """Above 1 it breaks."""
        return self.wanted / self.there_is


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run for so many people."""

    users: float
    demand: Demand
    work: Mapping[str, float]
    """Cores of all nodes in the busiest minute, by what they do; so the others."""
    processes: int
    machines: int
    """One more than it takes, where there is more than one."""
    machine_gib: float
    """Resident memory of the nodes of a machine; what the kernel keeps for sockets is not in it."""
    sent_megabytes: float
    """Per second, to people."""
    publishes: float
    pushes: float
    """Messages that Valkey takes and gives, per second."""
    valkey_work: Mapping[str, float]
    valkey_gib: float
    """Of subscriptions."""
    database_work: Mapping[str, float]
    connections: int
    connections_gib: float
    log_megabytes: float
    disk_gigabytes_a_day: float
    back_seconds: float
    """Until everybody is back after all were cut off at once, by the slower of nodes and database."""


def demand_of(users: float, habits: Habits) -> Demand:
    """What so many people do."""
    others = _audience(habits)
    messages = users * habits.messages_per_day / DAY * habits.peak_factor
    marks = messages * others * habits.marks_per_delivery
    typing = messages * habits.typing_per_message
    return Demand(
        messages=messages,
        deliveries=messages * (1 + others),
        marks=marks,
        typing=typing,
        notices=marks * (1 + others) + typing * others,
        connects=users * habits.connects_per_day / DAY * habits.peak_factor,
        heartbeats=users / habits.ping_interval,
    )


def plan(users: float, habits: Habits, costs: Mapping[str, float]) -> Plan:
    """What to run.

    Args:
        users: people who are connected, each with one device.
        habits: of theirs, and of who runs it.
        costs: as `bench.costs.values` gives them.
    """
    demand = demand_of(users, habits)
    by_sockets = max(1, ceil(users / habits.sockets_per_process))
    processes = by_sockets
    for _ in range(MOST_ROUNDS):  # more processes hear more of each other, which takes more processes
        work = node_work(users, demand, habits, costs, processes)
        wanted = max(by_sockets, ceil(sum(work.values()) / habits.busy))
        if wanted <= processes:
            break
        processes = wanted
    return _sized(users, habits, costs, demand, processes)


def heard_elsewhere(audience: float, processes: int) -> float:
    """How many other processes hear of something that concerns so many connected people beside who does it."""
    nobody_there: float = (1 - 1 / processes) ** audience
    return (processes - 1) * (1 - nobody_there)


def followed(users: float, habits: Habits, processes: int) -> float:
    """Conversations and people that all processes follow: each conversation once in each that has somebody of it."""
    members = _audience(habits) + 1
    conversations = users * habits.list_size / members
    nobody_there: float = (1 - 1 / processes) ** members
    return users + conversations * processes * (1 - nobody_there)


def node_work(
    users: float, demand: Demand, habits: Habits, costs: Mapping[str, float], processes: int
) -> dict[str, float]:
    """Cores that all nodes use, by what for."""
    hops = (
        demand.news * heard_elsewhere(_audience(habits), processes) * costs["hear_node"]
    )  # publishing was measured with each
    own = {
        "messages": demand.messages * max(0.0, costs["message_node"] - GROUP * costs["deliver"]),
        "read marks": demand.marks * max(0.0, costs["mark_node"] - GROUP * costs["deliver"]),
        "typing": demand.typing * max(0.0, costs["typing_node"] - (GROUP - 1) * costs["deliver"]),
        "deliveries": (demand.deliveries + demand.notices) * costs["deliver"],
        "hearing other nodes": hops,
        "connecting": demand.connects * connect_cost(habits, costs, "node") * 1e3,
        "heartbeats": demand.heartbeats * costs["heartbeat"],
        "sweep": followed(users, habits, processes) / ROUND_SECONDS * costs["sweep_node"],
    }
    return {name: microseconds / 1e6 for name, microseconds in own.items()}


def connect_cost(habits: Habits, costs: Mapping[str, float], process: str) -> float:
    """CPU ms of one that connects with a list as it is."""
    empty, measured = costs[f"connect_{process}"], costs[f"connect_list_{process}"]
    return empty + max(0.0, measured - empty) / LIST * habits.list_size


def _sized(users: float, habits: Habits, costs: Mapping[str, float], demand: Demand, processes: int) -> Plan:
    needed = ceil(processes / habits.machine_cores)
    shared = 0.0 if processes == 1 else 1.0
    pushes = demand.news * (1 + heard_elsewhere(_audience(habits), processes))
    connections = processes * CONNECTIONS
    return Plan(
        users=users,
        demand=demand,
        work=node_work(users, demand, habits, costs, processes),
        processes=processes,
        machines=1 if needed == 1 else needed + 1,
        machine_gib=ceil(processes / needed) * (costs["process_mib"] / 1_024)
        + users / needed * costs["socket_kib"] / 1_024**2,
        sent_megabytes=(demand.deliveries * costs["delivery_bytes"]) / 1e6,
        publishes=shared * demand.news,
        pushes=shared * pushes,
        valkey_work=_valkey_work(habits, costs, demand, pushes) if shared else {},
        valkey_gib=shared * followed(users, habits, processes) * costs["channel_bytes"] / 1_024**3,
        database_work=_database_work(habits, costs, demand, followed(users, habits, processes)),
        connections=connections,
        connections_gib=connections * costs["connection_mib"] / 1_024,
        log_megabytes=demand.messages * costs["log_bytes"] / 1e6,
        disk_gigabytes_a_day=users * habits.messages_per_day * costs["disk_bytes"] / 1e9,
        back_seconds=max(
            users * connect_cost(habits, costs, "node") / 1e3 / processes,
            users * connect_cost(habits, costs, "postgres") / 1e3 / habits.database_cores,
        ),
    )


def _audience(habits: Habits) -> float:
    """Connected members of a conversation beside who does something in it."""
    return (habits.group_size - 1) * habits.online_share


def _valkey_work(habits: Habits, costs: Mapping[str, float], demand: Demand, pushes: float) -> dict[str, float]:
    """Cores of Valkey, by what for, if every conversation of a list is new to its node."""
    coming = connect_cost(habits, costs, "valkey") * 1e3 + habits.list_size * costs["subscribe_valkey"]
    return {
        "news": (demand.news * costs["publish_valkey"] + pushes * costs["hear_valkey"]) / 1e6,
        "people who come, and telling of them": demand.connects * coming / 1e6,
    }


def _database_work(habits: Habits, costs: Mapping[str, float], demand: Demand, swept: float) -> dict[str, float]:
    """Cores of PostgreSQL, by what for."""
    return {
        "messages": demand.messages * costs["message_postgres"] / 1e6,
        "read marks": demand.marks * costs["mark_postgres"] / 1e6,
        "connecting": demand.connects * connect_cost(habits, costs, "postgres") / 1e3,
        "sweep": swept / ROUND_SECONDS * costs["sweep_postgres"] / 1e6,
    }


def limits(sized: Plan, habits: Habits) -> list[Limit]:
    """What one more machine does not mend, the scarcest first."""
    found = [
        Limit("the one thread of Valkey that carries all news", sum(sized.valkey_work.values()), habits.busy, "cores"),
        Limit("cores of PostgreSQL", sum(sized.database_work.values()), habits.database_cores * habits.busy, "cores"),
        Limit("connections to PostgreSQL", sized.connections, habits.database_connections, "connections"),
        Limit("the write-ahead log of PostgreSQL", sized.log_megabytes, habits.database_log, "MB/s"),
        Limit("coming back after all were cut off", sized.back_seconds, habits.storm_seconds, "seconds"),
    ]
    return sorted(found, key=lambda limit: -limit.share)


def most(habits: Habits, costs: Mapping[str, float]) -> tuple[float, Limit]:
    """How many connected people one installation can have, to a hundredth, and what ends it."""
    fits, breaks = 1.0, 1e12
    while breaks / fits > 1.01:
        middle = sqrt(fits * breaks)
        if limits(plan(middle, habits, costs), habits)[0].share <= 1:
            fits = middle
        else:
            breaks = middle
    return fits, limits(plan(breaks, habits, costs), habits)[0]
