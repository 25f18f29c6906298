"""Which published facts a client asks for, with all corrections or as measured live, and how an answer says it is corrected."""

import strawberry

from graphql_api.sql.facts import AsOf

__all__ = ["RESTATED_AT", "AsOf"]

strawberry.enum(
    AsOf,
    description="CURRENT: as it holds now, with every correction. LIVE: as it was measured, before any correction.",
)
RESTATED_AT = "When this was corrected by an adopted replay run; null: it stands as measured live."
