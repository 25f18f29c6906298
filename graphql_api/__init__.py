"""The reading and asking side: GraphQL, subscriptions and REST over the projections, the live topics and the camera log.

It shares the SQL schema with the projections and the records of `schemas` with everyone, and imports neither edge nor fold.
"""
