"""What cameras answered to commands."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping

from graphql_api.sql.rows import rows


def outcome(connection: Connection, camera_id: str, command_id: str) -> Sequence[RowMapping]:
    """The first answer of the camera to this command: one row with type and body, or none."""
    return rows(
        connection,
        """SELECT type, body FROM camera_events WHERE command_id = :command_id AND camera_id = :camera_id
           ORDER BY seq, seq_index LIMIT 1""",
        camera_id=camera_id,
        command_id=command_id,
    )


def alive(connection: Connection) -> Sequence[RowMapping]:
    """One row when the database answers and is migrated."""
    return rows(connection, "SELECT count(*) AS sites FROM sites")
