"""What keeps the promise: checkpointed agent, snapshots, dead letters, metrics."""
