"""Faust apps, thin: they bring records to the fold and its outputs to their topics."""
