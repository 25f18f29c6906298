"""Runs the migrations on the connection `infra.timescale.migrate` hands over; it knows no address of its own."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
