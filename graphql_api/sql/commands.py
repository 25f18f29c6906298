"""What cameras answered to commands."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping

from graphql_api.sql.rows import first, rows


def outcome(connection: Connection, camera_id: str, command_id: str) -> Sequence[RowMapping]:
    """The first answer of the camera to this command: one row with type and body, or none."""
    return rows(
        connection,
        """SELECT type, body FROM camera_events WHERE command_id = :command_id AND camera_id = :camera_id
           ORDER BY seq, seq_index LIMIT 1""",
        camera_id=camera_id,
        command_id=command_id,
    )


def projected(connection: Connection, camera_id: str, seq: int, seq_index: int) -> bool:
    """Whether what the camera said at this place of its log is in the database; all that it changed came with it."""
    newest = first(
        connection,
        """SELECT (seq, seq_index) >= (:seq, :seq_index) AS reached FROM camera_events WHERE camera_id = :camera_id
           ORDER BY seq DESC, seq_index DESC LIMIT 1""",
        camera_id=camera_id,
        seq=seq,
        seq_index=seq_index,
    )
    return newest is not None and bool(newest["reached"])


def alive(connection: Connection) -> Sequence[RowMapping]:
    """One row when the database answers and is migrated."""
    return rows(connection, "SELECT count(*) AS sites FROM sites")
