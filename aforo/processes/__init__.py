"""One module for each process: waits for what it needs, wires it together, runs it. None imports another's libraries."""
