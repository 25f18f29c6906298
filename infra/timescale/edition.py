"""Which features the connected database has. Asked once, before tables are made; afterwards the tables answer."""

from typing import Literal, TypeAlias

from sqlalchemy import Connection, text

Edition: TypeAlias = Literal["plain", "apache", "tsl"]


def edition_of(connection: Connection) -> Edition:
    """`plain` PostgreSQL, or TimescaleDB under its Apache or its Timescale licence (compression, policies).

    The licence decides, not the functions: under Apache they exist and fail when called.
    """
    installed = connection.scalar(text("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'"))
    if not installed:
        return "plain"
    licence = connection.scalar(text("SELECT current_setting('timescaledb.license', true)"))
    return "tsl" if licence == "timescale" else "apache"
