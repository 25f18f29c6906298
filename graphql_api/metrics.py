"""What the API counts about itself, for `/metrics`; names and labels only, never an id of a camera, track or user."""

from prometheus_client import Counter, Gauge, Histogram

OPERATION_SECONDS = Histogram(
    "aforo_graphql_operation_seconds",
    "Time to answer a GraphQL operation; for subscriptions, their life.",
    ["type"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
OPERATION_ERRORS = Counter("aforo_graphql_errors_total", "Errors in GraphQL answers by code.", ["code"])
SUBSCRIPTIONS = Gauge("aforo_graphql_subscriptions", "Subscriptions open now, by transport.", ["transport"])
BACKFILL_ROWS = Counter(
    "aforo_subscription_backfill_rows_total", "Events that subscriptions took from the database, by stream.", ["stream"]
)
COHORTS = Gauge(
    "aforo_subscription_cohorts",
    "Executions that subscriptions with equal questions and scope share, by field.",
    ["field"],
)
DATABASE_ERRORS = Counter(
    "aforo_api_database_errors_total", "Queries the database could not answer, by code.", ["code"]
)
COMMAND_SECONDS = Histogram(
    "aforo_command_seconds", "From a mutation to the camera's answer, by its outcome.", ["command", "outcome"]
)
FEED_RECORDS = Counter("aforo_feed_records_total", "Records the API took from a live topic.", ["topic"])
FEED_UNREADABLE = Counter("aforo_feed_unreadable_total", "Records of a live topic nobody could decode.", ["topic"])
FEED_CONNECTED = Gauge("aforo_feed_connected", "1 while the API follows the live topics, 0 while the broker is away.")
SIGN_INS = Counter("aforo_sign_ins_total", "Attempts to sign in, by outcome.", ["outcome"])
ACCESS_REFUSED = Counter("aforo_access_refused_total", "Requests that were refused, by code.", ["code"])
