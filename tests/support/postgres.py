"""A private PostgreSQL server for tests: own folder, own port, loopback only, no durability; started and stopped here.

`python -m tests.support.postgres start FOLDER` prints the URL of a running server, `stop FOLDER` ends it.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"


class Absent(Exception):
    """There is no server to start on this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its URL for our store, its folder and the folder of its programs."""

    url: str
    folder: Path
    programs: Path


def find_programs() -> Path:
    """Return the folder of initdb, pg_ctl and createdb; raises Absent.

    Debian keeps them off the PATH, and a link on the PATH may lead to one of them alone.
    """
    places = []
    if found := shutil.which("initdb"):
        places.append(Path(found).resolve().parent)
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if all((place / name).is_file() for name in ("initdb", "pg_ctl", "createdb", "postgres")):
            return place
    raise Absent("PostgreSQL's programs (initdb, pg_ctl, createdb) are not installed")


def start(folder: Path) -> Server:
    """Make a cluster in `folder` and start it; raises Absent, or CalledProcessError with the server's words."""
    programs = find_programs()
    folder.mkdir(parents=True, exist_ok=True)
    _hand_over(folder)
    port = _free_port()
    data, log = folder / "pg", folder / "pg.log"
    _run(programs / "initdb", "-D", data, "-U", "edgeworth", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 {_QUICK}"
    _run(programs / "pg_ctl", "-D", data, "-w", "-t", "60", "-l", log, "-o", options, "start")
    _run(programs / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "edgeworth", "edgeworth")
    return Server(f"postgresql+asyncpg://edgeworth@127.0.0.1:{port}/edgeworth", folder, programs)


def stop(folder: Path) -> None:
    """Stop the server of a folder, at once."""
    with contextlib.suppress(subprocess.CalledProcessError, Absent):
        _run(find_programs() / "pg_ctl", "-D", folder / "pg", "-m", "immediate", "-w", "stop")


def own_database(url: str, worker: str) -> str:
    """Make an empty database for one test worker beside the one that `url` names, and return its URL."""
    import asyncio

    import asyncpg

    plain, _, _ = url.replace("+asyncpg", "").rpartition("/")
    name = f"edgeworth_test_{worker}"

    async def make() -> None:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()

    asyncio.run(make())
    return f"{plain.replace('postgresql:', 'postgresql+asyncpg:')}/{name}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root: then its own user runs it."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise Absent("running as root, and there is no user 'postgres' to run the server as") from None


def _hand_over(folder: Path) -> None:
    user = _server_user()
    if user is None:
        return
    shutil.chown(folder, user)


def _run(*command: object) -> None:
    subprocess.run(
        [str(part) for part in command],
        check=True,
        user=_server_user(),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
    )


def main(arguments: list[str]) -> int:
    """Start or stop a server from a script."""
    what, folder = arguments[0], Path(arguments[1])
    if what == "stop":
        stop(folder)
        return 0
    try:
        print(start(folder).url)  # noqa: T201  (the answer to the script that asks)
    except Absent as reason:
        print(reason, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
