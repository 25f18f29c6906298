"""docs/topics.md, from schemas/topics."""

from schemas.topics import TopicSpec, topics
from tools.markdown import GENERATED, code, link, table

RETENTION = {
    "privacy": "as long as persons may be shown (`AFORO_KAFKA__PRIVACY_RETENTION_DAYS`)",
    "facts": "as long as facts are kept (`AFORO_KAFKA__FACTS_RETENTION_DAYS`)",
    "forever": "for ever",
    "compacted": "the latest of each key",
}
COMPATIBILITY = {
    "BACKWARD_TRANSITIVE": "`BACKWARD_TRANSITIVE`: new code reads every record ever written",
    "FULL_TRANSITIVE": "`FULL_TRANSITIVE`: new code reads every record ever written, and released readers read new records",
    "NONE": "nothing promised",
}
RAW = {
    "aforo.dead-letters.v1": "The value is the refused record's own, byte for byte.",
    "aforo-cameras-state-changelog": "Values are `CameraSnapshot` records and partition markers of the app itself; nobody else should read them.",
}
HEADER = f"""\
# Topics

{GENERATED}
Each topic is described once, in `schemas/topics/<topic>.toml`; creation, this page and the tests read those files. All topics
have the same number of partitions (`AFORO_KAFKA__PARTITIONS`, fixed at first start) and the same partitioner
(`murmur2_random`), so that everything about a camera is in the partition of the same number. Records are stamped by the broker
when they are appended (`LogAppendTime`); event time is in the records.

Values are in Confluent's wire format: a zero byte, the schema's id as 4 bytes, the Avro body. The subject of a record is
`<topic>-aforo.<record>` (TopicRecordNameStrategy). What a record says, field by field: [events.md](events.md).

"""


def render() -> str:
    """The page: a summary, then each topic."""
    summary = table(
        ["Topic", "Purpose", "Kept"],
        ([link(spec.name), spec.purpose, RETENTION[spec.retention]] for spec in topics().values()),
    )
    return HEADER + summary + "".join(map(_topic, topics().values()))


def _topic(spec: TopicSpec) -> str:
    facts = table(
        ["", ""],
        [
            ["Key", spec.key],
            ["Kept", RETENTION[spec.retention]],
            ["Written by", ", ".join(map(code, spec.producers))],
            ["Read by", ", ".join(map(_reader, spec.consumers))],
            ["Records", ", ".join(link(record, "events.md") for record in spec.records) or RAW[spec.name]],
            ["Compatibility", COMPATIBILITY[spec.compatibility]],
            ["Epoch", str(spec.epoch)],
        ],
    )
    named = ((code(name), meaning) for name, meaning in spec.headers.items())
    config = ((code(name), code(value)) for name, value in spec.config.items())
    return (
        f"\n## `{spec.name}`\n\n{spec.purpose}\n\n{facts}"
        + (f"\n{table(['Header', 'Meaning'], named)}" if spec.headers else "")
        + (f"\n{table(['Configuration', 'Value'], config)}" if spec.config else "")
    )


def _reader(name: str) -> str:
    """Modules as code, people as words."""
    return name if name in {"operators", "data teams"} else code(name)
