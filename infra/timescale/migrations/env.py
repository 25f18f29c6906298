"""Runs the migrations on the connection `infra.timescale.migrate` hands over; it knows no address of its own."""  # noqa: INP001 - Alembic loads it by its path

from alembic import context

handed = context.config.attributes
context.configure(connection=handed["connection"], version_table_schema=handed["schema"])
context.run_migrations()
