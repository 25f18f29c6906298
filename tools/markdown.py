"""Tables and links of the generated documents."""

from collections.abc import Iterable, Sequence

GENERATED = "Written by `python -m tools.document`; a test compares.\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what stands in a cell is escaped."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(text: str) -> str:
    """`text` as code; nothing stays nothing."""
    return f"`{text}`" if text else ""


def link(title: str, file: str = "") -> str:
    """A link to the heading `title` of a document, in code as headings of names are."""
    anchor = "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")
    return f"[`{title}`]({file}#{anchor})"
