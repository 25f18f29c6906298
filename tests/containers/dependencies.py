"""What installing Aforo installs, as the metadata of the installed distributions say; tools of development are left out."""

import tomllib
from importlib.metadata import distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.containers.files import ROOT


def dependencies() -> set[str]:
    """Every distribution that installing Aforo without extras installs, by its canonical name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting, found = list(map(Requirement, project["dependencies"])), set[str]()
    while waiting:
        requirement = waiting.pop()
        found.add(canonicalize_name(requirement.name))
        waiting += [each for each in required_by(requirement) if canonicalize_name(each.name) not in found]
    return found


def required_by(requirement: Requirement) -> list[Requirement]:
    """What a requirement requires in turn, on this Python and platform."""
    extras = {"", *requirement.extras}
    every = map(Requirement, distribution(requirement.name).requires or [])
    return [
        each for each in every if not each.marker or any(each.marker.evaluate({"extra": extra}) for extra in extras)
    ]
