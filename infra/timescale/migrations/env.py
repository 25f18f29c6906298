"""Runs the migrations on the connection `infra.timescale.migrate` hands over; it knows no address of its own."""  # noqa: INP001 - Alembic loads it by its path

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
