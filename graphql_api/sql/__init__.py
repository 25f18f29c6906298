"""All SQL of the API: functions from a connection to rows whose columns are the fields of the GraphQL types.

Tables and columns are the contract with the projections (docs/storage.md). Nothing here knows GraphQL or HTTP.
"""
