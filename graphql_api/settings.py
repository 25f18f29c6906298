"""How the API listens and how patient it is; where the broker, the registry and the database are is said elsewhere."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

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
        description="Newest records of each event stream kept in memory; subscriptions that are behind read the database.",
    )
    heartbeat_s: float = Field(
        default=15.0, gt=0, le=15, description="Seconds of silence after which an event stream sends a Heartbeat."
    )
    max_query_cost: int = Field(
        default=2_000, ge=1, description="Points one GraphQL operation may cost: objects of its answer, and work."
    )
    cost_saved_up: int = Field(
        default=20_000, ge=1, description="Points a caller (key, person, else address) may spend at once."
    )
    cost_restored_per_s: float = Field(
        default=1_000.0, gt=0, description="Points a caller gets back each second, in each API process."
    )
    max_body_bytes: int = Field(
        default=1_048_576, ge=1_024, description="Bytes of a request's body, or of a message on a socket."
    )
    max_connections: int = Field(
        default=10_000, ge=1, description="Connections one process serves; more are answered 503."
    )
    access: Literal["required", "open"] = Field(
        default="required",
        description="required: nobody reads or changes anything without signing in. open: everybody may do everything; "
        "only on a loopback address.",
    )
    bootstrap_email: str = Field(
        default="", description="Address of the administrator that the API makes when there is no user yet."
    )
    bootstrap_password: SecretStr = Field(
        default=SecretStr(""), description="Password of that administrator, at least 12 characters; change it after."
    )
    session_hours: int = Field(default=12, ge=1, le=24 * 30, description="Hours after which a session ends.")
    secure_cookies: bool = Field(
        default=True,
        description="Send session cookies over https only; false for a trial without TLS on another machine's browser.",
    )
    throttle_window_s: int = Field(
        default=900, ge=1, description="Seconds for which failed attempts to sign in are counted."
    )
    throttle_account: int = Field(
        default=10, ge=1, description="Failed attempts on one account in that time, after which all are refused."
    )
    throttle_address: int = Field(
        default=50, ge=1, description="The same for attempts from one network address, whichever the account."
    )
    smallest_group: int = Field(
        default=5,
        ge=1,
        description="Persons a number must be about to be shown to a VIEWER; 1 shows everything. See docs/security.md.",
    )
    access_poll_s: float = Field(
        default=2.0, gt=0, description="Seconds within which open sockets notice that a session or a role changed."
    )

    @model_validator(mode="after")
    def _open_only_on_loopback(self) -> Self:
        if self.access == "open" and self.host not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError(f"access is open and host is {self.host}: set access to required, or host to 127.0.0.1")
        return self
