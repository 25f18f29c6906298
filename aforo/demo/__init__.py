"""The demo: the whole of Aforo on this machine, on real footage, with a live table of what was measured."""
