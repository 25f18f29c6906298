"""TimescaleDB (Apache edition) on PostgreSQL 17, from Debian's packages run through their own loader.

It must not know which tables exist. The server listens on 127.0.0.1 only and asks for a generated password.
"""

import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, cursor

from infra.local import debian
from infra.local.cache import build_once
from infra.local.errors import FolderClosedError
from infra.local.java import ENVIRONMENT, RESOURCES
from infra.local.process import Daemon
from infra.local.settings import LocalSettings
from infra.local.tools import as_account, run

DATABASE = "aforo"
BIN = "usr/lib/postgresql/17/bin"
# What PostgreSQL needs to run, no more: apt would add perl, locales and LLVM.
PACKAGES = (RESOURCES / "timescale.packages").read_text().split()
# Not needed to serve; the just-in-time compiler also fails without LLVM, which is not fetched.
PRUNED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/lib/postgresql/17/lib/bitcode")
# The programs must run with the libc they were built for, wherever the folder lies; LD_LIBRARY_PATH would
# hand that libc to programs of the host. --argv0 lets PostgreSQL find its other files by its own place.
WRAPPER = """#!/bin/sh
lib=${{0%/usr/lib/*}}/{library}
exec "$lib/{loader}" --library-path "$lib" --argv0 "$0" "${{0%/*}}/real/{name}" "$@"
"""


@dataclass(frozen=True)
class Timescale:
    """The database server of the stack."""

    settings: LocalSettings
    role = "aforo"
    death_signal = "QUIT"  # at once, yet it takes its workers and shared memory along

    @cached_property
    def daemon(self) -> Daemon:
        """Its process; SIGINT is PostgreSQL's fast shutdown, SIGTERM would wait for the last client."""
        return Daemon("timescale", self.settings.data_dir, signal.SIGINT)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.settings.postgres_port}"

    @property
    def ports(self) -> dict[str, int]:
        """The server's one port."""
        return {"postgres_port": self.settings.postgres_port}

    @property
    def software(self) -> Path:
        """The unpacked packages."""
        return self.settings.cache_dir / f"timescaledb-{debian.SUITE}-{os.uname().machine}"

    @property
    def account(self) -> str | None:
        """PostgreSQL refuses root."""
        return self.settings.postgres_account if os.geteuid() == 0 else None

    @cached_property
    def password(self) -> str:
        """Password of the role, generated at first use; nobody but the owner of the data folder can read it."""
        file = self.settings.data_dir / "postgres.password"
        if not file.exists():
            _write_secret(file, secrets.token_urlsafe(24))
        return file.read_text()

    def url(self, dbname: str = DATABASE, driver: str = "postgresql") -> str:
        """Address of a database with role and password; not for logs."""
        return f"{driver}://{self.role}:{self.password}@{self.address}/{dbname}"

    def install(self) -> None:
        """Fetch and unpack the server."""
        build_once(self.software, self._unpack)

    def prepare(self) -> None:
        """Make the data folder once."""
        if self.account:
            require_open([self.software, self.settings.data_dir], self.account)
        build_once(self._data, self._initialise)

    def command(self) -> list[str]:
        """The server and its few settings."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.settings.postgres_port,
            "unix_socket_directories": "",
            "shared_preload_libraries": "timescaledb",
            "shared_buffers": "128MB",
            "fsync": "on" if self.settings.durable else "off",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "timescaledb.telemetry_level": "off",
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        return [str(self.software / BIN / "postgres"), "-D", str(self._data), *arguments]

    def environment(self) -> dict[str, str]:
        """Nothing of ours."""
        return ENVIRONMENT

    def problem(self) -> str:
        """Ready when it lets us in."""
        try:
            psycopg2.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg2.OperationalError as error:
            return str(error).strip().splitlines()[-1]
        return ""

    def ensure_database(self, name: str, *extensions: str) -> None:
        """Create a database and its extensions unless they are there."""
        if not self._exists(name):
            self.create_database(name)
        with self._cursor(name) as statements:
            for extension in extensions:
                statements.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database, as a copy of `template` if given, extensions and tables included.

        Nobody may be connected to the template meanwhile: see `close_database`.
        """
        statement = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy" if template else "CREATE DATABASE {}"
        names = [sql.Identifier(part) for part in (name, template) if part]
        with self._cursor("postgres") as statements:
            statements.execute(sql.SQL(statement).format(*names))

    def close_database(self, name: str) -> None:
        """End the connections of a database and allow no other, so that it can be copied at any time.

        Without this TimescaleDB's own scheduler, which visits every database, is in the way now and then.
        """
        with self._cursor("postgres") as statements:
            statements.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
            statements.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name]
            )

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, and end its connections."""
        with self._cursor("postgres") as statements:
            statements.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _exists(self, name: str) -> bool:
        with self._cursor("postgres") as statements:
            statements.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            return statements.fetchone() is not None

    @contextmanager
    def _cursor(self, dbname: str) -> Iterator[cursor]:
        with closing(psycopg2.connect(self.url(dbname), connect_timeout=5)) as connection:
            connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
            with connection.cursor() as statements:
                yield statements

    @property
    def _data(self) -> Path:
        return self.settings.data_dir / "timescale"

    def _unpack(self, root: Path) -> None:
        debian.unpack(PACKAGES, root, self.settings.debian_mirror)
        for folder in PRUNED:
            shutil.rmtree(root / folder)
        _wrap_programs(root)

    def _initialise(self, folder: Path) -> None:
        with NamedTemporaryFile("w", dir=self.settings.data_dir) as secret:
            secret.write(self.password)
            secret.flush()
            if self.account:
                shutil.chown(folder, self.account)
                shutil.chown(secret.name, self.account)
            initdb = [*as_account(self.account), str(self.software / BIN / "initdb")]
            login = ["-U", self.role, f"--pwfile={secret.name}", "-A", "scram-sha-256"]
            locale = ["-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            run(*initdb, "-D", folder, *login, *locale, environment=ENVIRONMENT)


def _wrap_programs(root: Path) -> None:
    """Put a wrapper in the place of each program."""
    loader = next(root.glob("usr/lib/*/ld-linux*.so.*")).relative_to(root)
    programs = root / BIN
    (programs / "real").mkdir()
    for program in [path for path in programs.iterdir() if path.is_file()]:
        program.rename(programs / "real" / program.name)
        program.write_text(WRAPPER.format(library=loader.parent, loader=loader.name, name=program.name))
        program.chmod(0o755)


def _write_secret(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)


def require_open(folders: list[Path], account: str) -> None:
    """Check that an account other than root can enter `folders`.

    Raises:
        FolderClosedError: names the first closed folder on the way.
    """
    ways = [part for folder in folders for part in (*reversed(folder.parents), folder)]
    if closed := next((part for part in ways if not part.stat().st_mode & 0o001), None):
        raise FolderClosedError(
            f"PostgreSQL runs as {account!r} here and cannot enter {closed}. Open it (chmod o+x {closed}), or choose "
            "other folders: AFORO_LOCAL__DATA_DIR and AFORO_LOCAL__CACHE_DIR."
        )
