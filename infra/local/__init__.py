"""Kafka, the schema registry and TimescaleDB on one machine, from packages, without Docker."""
