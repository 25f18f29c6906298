"""How the API listens and how patient it is; where the broker, the registry and the database are is said elsewhere."""

from pydantic import Field

from schemas.settings import StrictModel


class ApiSettings(StrictModel):
    """The API process."""

    host: str = Field(default="127.0.0.1", description="Address the API listens on; 0.0.0.0 for every interface.")
    port: int = Field(
        default=8080, ge=0, le=65_535, description="Port the API listens on; 0 lets the system choose one."
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(),
        description="Web origins besides its own whose pages may open a WebSocket, such as https://wall.example.",
    )
    pool_size: int = Field(default=8, ge=1, le=64, description="Database connections, and threads that use them.")
    connect_timeout_s: int = Field(default=3, ge=1, description="Seconds to wait for a new database connection.")
    statement_timeout_ms: int = Field(
        default=5_000, ge=100, description="Milliseconds after which the database ends a query."
    )
    command_timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=60,
        description="Seconds a mutation waits for the camera's answer before it reports TIMEOUT.",
    )
    ready_timeout_s: float = Field(
        default=2.0, gt=0, description="Seconds /readyz waits for the database and for Kafka."
    )
    visit_ring_size: int = Field(
        default=10_000,
        ge=1,
        description="Newest zone-visit records kept in memory: how far back a subscription can resume.",
    )
