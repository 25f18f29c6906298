"""Settings of the stream processors."""

from pydantic import Field

from schemas.settings import StrictModel


class ProcessSettings(StrictModel):
    """The cameras app and the projector."""

    instance: str = Field(
        "",
        description="Name of this replica; keeps its partitions over a quick restart. Empty: a new member each time.",
    )
    silent_after_s: float = Field(10.0, gt=0, description="A camera without a frame for so long is shown as silent.")
    metrics_host: str = Field(
        "127.0.0.1", description="Address the metrics are served on; 0.0.0.0 for a collector elsewhere."
    )
    metrics_port: int = Field(0, ge=0, le=65_535, description="Serve Prometheus metrics on this port; 0 serves none.")
