"""Writers of read models: TimescaleDB, and the in-memory twin that tests hold to the same contract."""
