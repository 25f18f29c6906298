"""Digests of what a replay said: BLAKE2b-256 over Avro bodies, for each camera and topic. Nothing else is known of records."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

from schemas.topics import ZONE_MINUTES, ZONE_VISITS
from stream_processors.replay.folding import Said
from stream_processors.replay.plan import Source
from stream_processors.replay.writing import FILES, file_of, files

DIGEST_BYTES = 32


def digest(*parts: bytes) -> "blake2b":
    """BLAKE2b-256 over the parts, one after the other."""
    return blake2b(b"".join(parts), digest_size=DIGEST_BYTES)


_NOTHING = digest().hexdigest()


class Digests:
    """What was said, camera by camera and topic by topic, in order; the topics by the names of their files."""

    def __init__(self, source: Source = "log") -> None:
        names = files(source).values()
        self._digests: defaultdict[str, dict[str, blake2b]] = defaultdict(lambda: {name: digest() for name in names})

    def add(self, said: Said) -> None:
        """Take up one record."""
        self._digests[said.output.camera_id][file_of(said.output)].update(said.body)

    def of(self, camera_id: str) -> dict[str, str]:
        """For each file the digest over the camera's Avro bodies, hexadecimal."""
        return {name: each.hexdigest() for name, each in self._digests[camera_id].items()}


def merged(parts: Iterable[Mapping[str, Mapping[str, str]]]) -> dict[str, dict[str, str]]:
    """The digests of cameras over several partitions: where a file has records of more than one, over their digests in turn."""
    found: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for part in parts:
        for camera_id, digests in part.items():
            for name, each in digests.items():
                found[camera_id][name].append(each)
    return {camera_id: {name: _joined(each) for name, each in named.items()} for camera_id, named in found.items()}


def _joined(digests: Sequence[str]) -> str:
    said = [each for each in digests if each != _NOTHING]
    return said[0] if len(said) == 1 else digest(*map(bytes.fromhex, said)).hexdigest()


def whole(cameras: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """For each file the digest over its cameras' digests by camera id: the same however cameras are interleaved.

    Cameras that said nothing into a file take no part in it.
    """
    names = next(iter(cameras.values()), {})
    return {
        name: digest(
            *(bytes.fromhex(cameras[each][name]) for each in sorted(cameras) if cameras[each][name] != _NOTHING)
        ).hexdigest()
        for name in names
    }


def adoption_digest(digests: Mapping[str, str]) -> str:
    """The digest that `AdoptRun` names for a camera: over those of its visits and its minutes, in that order."""
    names = FILES[ZONE_VISITS], FILES[ZONE_MINUTES]
    return digest(*(bytes.fromhex(digests[name]) for name in names)).hexdigest()
