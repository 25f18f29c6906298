"""The fold run again over a log that is over: read records from a file, fold them, write what the fold says.

It must not know a broker, a database or a clock; the same records give the same bytes as the live fold.
"""
