"""Image in, boxes out. No camera, no topic and no clock is known here."""
