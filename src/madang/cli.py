"""The command line: `madang serve` and what an operator does beside it.

Owns the words people read and type, and the exit codes: 0 done, 1 refused (a taken name, a finding of the doctor), 2 a
wrong setting or flag. Mistakes of people are sentences on standard error, never tracebacks. Standard output carries what
was asked for and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from madang import __version__
from madang.app.running import run
from madang.config import Settings, SettingsError, load_settings
from madang.errors import ErrorCode, MadangError
from madang.telemetry import configure_logging

__all__ = ["main"]

_EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - compared, not bound
_data = click.option("--data", metavar="DIR", help="Folder of the store and the secret (MADANG_DATA). Default: data")


class _Sentences(click.Group):
    """Turns refusals into one sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            click.echo(f"madang: {error}", err=True)
            ctx.exit(2)
        except MadangError as error:
            click.echo(f"madang: {error.reason}", err=True)
            ctx.exit(1)


@click.group(cls=_Sentences, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="madang", message="%(prog)s %(version)s")
def main() -> None:
    """Madang: a chat server for everybody.

    Every setting is an environment variable too; the list is in docs/reference/settings.md. Flags win.
    """


@main.command()
@click.option("--host", metavar="HOST", help="Where to listen (MADANG_HOST). Default: 127.0.0.1")
@click.option("--port", metavar="PORT", help="Where to listen; 0 takes a free port (MADANG_PORT). Default: 8420")
@_data
@click.option("--workers", metavar="N", help="Processes that share the port (MADANG_WORKERS). Default: 1")
@click.option("--no-worker", is_flag=True, help="Leave what is queued to `madang worker` (MADANG_EMBEDDED_WORKER=0)")
def serve(host: str | None, port: str | None, data: str | None, workers: str | None, *, no_worker: bool) -> None:
    """Run the server until Ctrl+C."""
    from madang.app.server import Started
    from madang.app.server import serve as run_server
    from madang.app.supervisor import supervise

    embedded_worker = "0" if no_worker else None
    settings = _settings(host=host, port=port, data=data, workers=workers, embedded_worker=embedded_worker)

    def announce(started: Started) -> None:
        for line in _welcome(settings, started):
            click.echo(line)
        sys.stdout.flush()  # whoever started the process may be reading a pipe

    if settings.workers > 1:
        supervise(settings, announce)
    else:
        run(run_server(settings, announce))


def _local(host: str) -> str:
    """How this machine reaches an address it listens on."""
    return _EVERY_ADDRESS.get(host, f"[{host}]" if ":" in host else host)


def _welcome(settings: Settings, started: Any) -> list[str]:
    lines = [f"Madang {__version__} is ready: http://{_local(settings.host)}:{started.port}{settings.prefix}/"]
    if settings.public_url:
        lines.append(f"People reach it at {settings.public_url}/")
    if not started.web_client:
        lines.append("The web client is not built in this checkout: make web builds it. Sockets and the API work.")
    if started.first_account:
        lines.append("Nobody has an account yet. The first one becomes the administrator.")
    kept = "in PostgreSQL" if settings.database_url else f"in {settings.data.absolute()}"
    lines.append(f"Everything is kept {kept}. Ctrl+C stops the server.")
    return lines


@main.command()
@click.option(
    "--port", metavar="PORT", help="Where to answer /health and /metrics (MADANG_WORKER_PORT). Default: nowhere"
)
@_data
def worker(port: str | None, data: str | None) -> None:
    """Store what nodes with MADANG_PERSISTENCE=queue have accepted, until Ctrl+C. Any number of workers may run."""
    from madang.app.worker import work

    settings = _settings(worker_port=port, data=data)

    def announce(taken: int | None) -> None:
        local = _local(settings.host)
        where = "" if taken is None else f", http://{local}:{taken}/health/ready tells how it is"
        click.echo(f"Madang {__version__} stores what is accepted{where}. Ctrl+C stops the worker.")
        sys.stdout.flush()

    run(work(settings, announce))


@main.command()
@click.option(
    "--from", "source", metavar="PLACE", help="Move the installation that is here: sqlite:PATH or postgresql://…"
)
@click.option("--to", "target", metavar="PLACE", help="Where it moves to; must be empty.")
@_data
def migrate(source: str | None, target: str | None, data: str | None) -> None:
    """Bring the store's schema up to date (`serve` does it too), or move everything to another database.

    With --from and --to the whole installation is copied, between SQLite and PostgreSQL in either direction, and
    compared. Stop the server first. PATH is a data folder or a file. What is copied from stays as it is; if anything fails,
    what is copied to stays empty. Clients go on where they were. The secret that signs tokens is a file of the data folder, in
    no database: keep the folder, or take the file along.
    """
    if source or target:
        _move(source, target, data)
        return

    async def work(services: Any) -> None:
        settings = services.foundation.settings
        click.echo(f"The store in {'PostgreSQL' if settings.database_url else settings.data} is up to date.")

    _with_services(data, work)


def _move(source: str | None, target: str | None, data: str | None) -> None:
    from madang.app.move import move

    if not source or not target:
        raise SettingsError("--from" if source else "--to", f"takes {'--to' if source else '--from'} as well.")
    if data is not None:
        raise SettingsError("--data", "means nothing beside --from and --to.")
    settings = load_settings({})
    configure_logging(settings.log, "error")

    async def work() -> None:
        rows = await move(source, target, settings, _progress)
        counts = ", ".join(
            f"{number:,} {name.replace('_', ' ')}" for name, number in rows.items() if name != "installation"
        )
        click.echo(f"Copied and compared: {counts}.")
        click.echo(
            "Start the server on it with the secret it had: the file `secret` of the data folder, or MADANG_SECRET."
        )

    run(work())


@contextmanager
def _progress(what: str, rows: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, a line for everything else. It is not what was asked for, so it goes to standard error."""
    if sys.stderr.isatty():
        with click.progressbar(length=rows, label=f"{what:<14}", file=sys.stderr, show_pos=True) as bar:
            yield bar.update
    else:
        yield lambda _: None
        click.echo(f"{what}: {rows:,}", err=True)


@main.command()
@click.option("--new-epoch", is_flag=True, help="Make every client load everything anew. Stop the server first.")
@_data
def doctor(new_epoch: bool, data: str | None) -> None:
    """Examine the installation: settings, folder, store, clock, port.

    After a restore from a backup use --new-epoch: clients have seen what the backup does not have, and their numbers of it
    would be taken for numbers of something else. PostgreSQL's own backups and standbys need no help: their timeline tells.
    """
    from madang.app.doctor import begin_epoch, examine

    settings = _settings(data=data)
    configure_logging(settings.log, "error")
    if new_epoch:

        async def begin() -> None:
            click.echo(f"A new epoch has begun: {await begin_epoch(settings)}. Clients load everything anew.")

        run(begin())
        return
    faults = 0

    async def work() -> None:
        nonlocal faults
        async for finding in examine(settings):
            faults += finding.verdict == "fault"
            click.echo(f"{finding.verdict:<6} {finding.subject}: {finding.sentence}")

    run(work())
    if faults:
        raise SystemExit(1)


@main.group()
def user() -> None:
    """Make accounts, change passwords, lock people out. Stop the server first, which holds the store; with
    MADANG_REDIS_URL it shares it, and hears at once.
    """


@user.command("create")
@click.argument("name")
@click.option("--display-name", metavar="TEXT", help="What others see. Default: NAME")
@_data
def create_user(name: str, display_name: str | None, data: str | None) -> None:
    """Make the account NAME. The first of all is the administrator's."""
    password = _new_password()

    async def work(services: Any) -> None:
        account = await services.accounts.create(name, password, display_name or name)
        role = ", the administrator" if account.administrator else ""
        click.echo(f"{account.user.username} has an account{role}.")

    _with_services(data, work)


@user.command("password")
@click.argument("name")
@_data
def change_password(name: str, data: str | None) -> None:
    """Give NAME a new password; all of NAME's sessions end."""
    password = _new_password()

    async def work(services: Any) -> None:
        await services.accounts.set_password(name, password)
        click.echo(f"{name} has a new password and is signed out everywhere.")

    _with_services(data, work)


@user.command("disable")
@click.argument("name")
@click.option("--undo", is_flag=True, help="Let NAME back in.")
@_data
def disable_user(name: str, undo: bool, data: str | None) -> None:
    """Lock NAME out; all of NAME's sessions end."""

    async def work(services: Any) -> None:
        await services.accounts.set_disabled(name, disabled=not undo)
        click.echo(f"{name} may sign in again." if undo else f"{name} is locked out.")

    _with_services(data, work)


@main.command()
@click.argument("name")
@_data
def token(name: str, data: str | None) -> None:
    """Print an access token of NAME, for trying the API. It lasts minutes."""

    async def work(services: Any) -> None:
        account = await services.accounts.named(name)
        if account.disabled:
            raise MadangError(ErrorCode.USER_DISABLED, f"{name} is locked out")
        click.echo((await services.sessions.open(account)).access.text)

    _with_services(data, work)


def _settings(**flags: str | None) -> Settings:
    settings = load_settings(flags)
    configure_logging(settings.log, settings.log_level)
    return settings


def _with_services(data: str | None, work: Callable[[Any], Awaitable[None]]) -> None:
    """Run `work` on the use cases of a store nobody else has open."""
    from madang.app.services import open_services

    settings = load_settings({"data": data})
    configure_logging(settings.log, "warning")  # a command answers; it does not tell the story of its start

    async def with_them() -> None:
        async with open_services(settings) as services:
            await work(services)

    run(with_them())


def _new_password() -> str:
    """Typed twice on a terminal, else the first line of standard input."""
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")
