"""Which decoder decodes, with stand-ins for hardware: there is none on a build machine."""

from collections.abc import Sequence
from typing import Any

import av
import pytest

from producers.settings import Hwaccel
from producers.sources.decoder import Decoder

ABSENT = av.error.PermissionError(1, "no such device")
BROKEN = av.error.InvalidDataError(1, "broken")


class Context:
    """A decoder that fails to open, or gives and fails as it is told."""

    def __init__(self, name: str, *answers: Any, opens: bool = True) -> None:
        self.name = name
        self.extradata = b""
        self._answers = list(answers)
        self._opens = opens

    def open(self) -> None:
        if not self._opens:
            raise ABSENT

    def decode(self, _packet: object) -> Sequence[object]:
        answer = self._answers.pop(0) if self._answers else [self.name]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Stream:
    def __init__(self, context: Context) -> None:
        self.codec_context = context
        context.extradata = b"how it is coded"


def decoder(hwaccel: Hwaccel, *hardware: Context) -> Decoder:
    named = {context.name: context for context in hardware}

    def create(name: str, _mode: str) -> Context:
        if name not in named:
            raise av.codec.codec.UnknownCodecError(name)
        return named[name]

    return Decoder(Stream(Context("h264")), hwaccel, create=create)


@pytest.mark.parametrize(
    ("hwaccel", "expected"), [("none", "h264"), ("cuda", "h264_cuvid"), ("qsv", "h264_qsv"), ("auto", "h264_cuvid")]
)
def test_the_hardware_asked_for_decodes_where_it_is_there(hwaccel: Hwaccel, expected: str) -> None:
    cuvid, qsv = Context("h264_cuvid"), Context("h264_qsv")
    assert decoder(hwaccel, cuvid, qsv).pictures(None) == [expected]


def test_a_hardware_decoder_is_told_how_the_stream_is_coded() -> None:
    cuvid = Context("h264_cuvid")
    decoder("cuda", cuvid)
    assert cuvid.extradata == b"how it is coded"


def test_auto_goes_on_to_the_next_hardware_and_at_last_to_software() -> None:
    absent = Context("h264_cuvid", opens=False)
    assert decoder("auto", absent, Context("h264_qsv")).pictures(None) == ["h264_qsv"]
    assert decoder("auto", absent, Context("h264_qsv", opens=False)).pictures(None) == ["h264"]


def test_a_codec_the_hardware_does_not_know_is_decoded_in_software() -> None:
    assert decoder("auto").pictures(None) == ["h264"]


def test_hardware_that_fails_at_its_first_packet_leaves_that_packet_to_software() -> None:
    one = decoder("qsv", Context("h264_qsv", [], ABSENT))
    assert [one.pictures(None) for _ in range(3)] == [[], ["h264"], ["h264"]]


def test_hardware_that_has_worked_fails_aloud() -> None:
    one = decoder("cuda", Context("h264_cuvid", ["picture"], BROKEN))
    one.pictures(None)
    with pytest.raises(av.error.InvalidDataError):
        one.pictures(None)


def test_software_that_fails_fails_aloud() -> None:
    broken = Decoder(Stream(Context("h264", BROKEN)))
    with pytest.raises(av.error.InvalidDataError):
        broken.pictures(None)
