"""`python -m aforo` is `aforo`."""

from aforo.cli import main

main(prog_name="aforo")
