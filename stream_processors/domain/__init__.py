"""The pure fold: `step(state, record) -> outputs`. No clock, no randomness, no input or output."""
