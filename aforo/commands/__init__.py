"""The groups of commands under `aforo`; each parses arguments and prints, and loads its libraries when it is called."""
