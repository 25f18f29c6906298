"""Sites: the API's own table."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping

from graphql_api.sql.rows import rows


def all_sites(connection: Connection) -> Sequence[RowMapping]:
    """Every site by id."""
    return rows(connection, "SELECT site_id, name, time_zone FROM sites ORDER BY site_id")


def sites_by_id(connection: Connection, site_ids: Sequence[str]) -> Sequence[RowMapping]:
    """The sites with these ids, in no order."""
    return rows(
        connection, "SELECT site_id, name, time_zone FROM sites WHERE site_id = ANY(:site_ids)", site_ids=list(site_ids)
    )
