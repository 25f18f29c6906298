"""The edge: frame source, detector, camera log."""
