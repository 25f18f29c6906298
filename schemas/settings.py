"""How a deployable reaches the broker, the registry and the keys: settings shared by all of them."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, SecretStr


class StrictModel(BaseModel):
    """Settings refuse names they do not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(StrictModel):
    """The broker, and how topics are created at first start."""

    bootstrap: str = Field(
        "", description="Kafka brokers, host:port, comma-separated. Empty: the local stack's broker."
    )
    security_protocol: Literal["PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL", "SSL"] = Field(
        "PLAINTEXT", description="How to talk to the brokers."
    )
    sasl_username: str = Field("", description="User for SCRAM-SHA-512; empty without SASL.")
    sasl_password: SecretStr = Field(SecretStr(""), description="Its password.")
    partitions: int = Field(4, ge=1, le=1024, description="Partitions of every topic; fixed at first start.")
    grown: tuple[tuple[NonNegativeInt, ...], ...] = Field(
        (),
        description="What `aforo partitions grow` printed: for each time the count grew, as JSON, the offsets at which the "
        "camera log's new epoch began.",
    )
    replication: int = Field(1, ge=1, description="Copies of every partition; 3 on a cluster.")
    privacy_retention_days: int = Field(
        30, ge=1, description="How long anything that shows single persons is kept, in Kafka and in the database."
    )
    facts_retention_days: int = Field(400, ge=1, description="How long visits and minutes are kept in Kafka.")

    def client(self) -> dict[str, str | int]:
        """Settings every librdkafka client begins with."""
        base: dict[str, str | int] = {"bootstrap.servers": self.bootstrap, "security.protocol": self.security_protocol}
        if self.security_protocol.startswith("SASL"):
            base |= {
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": self.sasl_username,
                "sasl.password": self.sasl_password.get_secret_value(),
            }
        return base

    def producer(self) -> dict[str, str | int]:
        """Settings of an idempotent producer whose keys land where Java's and aiokafka's would."""
        return self.client() | {
            "enable.idempotence": "true",
            "acks": "all",
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 5,
        }


class RegistrySettings(StrictModel):
    """The schema registry."""

    url: str = Field(
        "", description="Address of its Confluent-compatible interface. Empty: the local stack's registry."
    )


class SigningSettings(StrictModel):
    """Keys that sign commands and verify them."""

    private_key: Path | None = Field(
        None,
        description="Ed25519 private key (PEM) of the API and the watchdog; made at first start when missing. "
        "Empty: keys/signing.pem in the local stack's data folder.",
    )
    trusted_keys: Path | None = Field(
        None,
        description="Folder of public keys (PEM) whose commands are accepted; keep old ones for what they signed. "
        "Empty: keys/trusted in the local stack's data folder.",
    )
