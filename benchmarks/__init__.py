"""Measurements of accuracy and speed; development tools, never imported by a deployable."""
