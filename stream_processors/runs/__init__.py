"""Replay runs in the database: what was asked for, the results a run leaves there, their difference, and their adoption.

How a log is replayed is known in `stream_processors.replay`; how people ask for runs and look at them, in the API.
"""
