"""Container images: one Dockerfile for each deployable, and the health check they share."""
