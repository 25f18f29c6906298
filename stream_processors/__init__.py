"""The fold over a camera's log, and the shells that run it."""
