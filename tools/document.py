"""Writes every document that is generated from the code: `python -m tools.document`. tests/docs compares them."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tools import document_events, document_metrics, document_settings, document_topics

HOUSE = Path(__file__).parents[1]
DOCUMENTS: Mapping[str, Callable[[], str]] = {
    ".env.example": document_settings.env_example,
    "docs/events.md": document_events.render,
    "docs/metrics.md": document_metrics.render,
    "docs/settings.md": document_settings.render,
    "docs/topics.md": document_topics.render,
}

if __name__ == "__main__":
    for name, render in DOCUMENTS.items():
        (HOUSE / name).write_text(render(), encoding="utf-8")
        print(f"wrote {name}")
