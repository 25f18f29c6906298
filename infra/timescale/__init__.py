"""The read model's database: its migrations for every edition of TimescaleDB, and plain PostgreSQL."""
