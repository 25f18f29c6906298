"""The published language: Avro records, topics, and the one wire format every deployable shares."""
