import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from producers.frames import Frame
from producers.sources.file import FileSource
from producers.sources.source import SourceUnusableError

MakeVideo = Callable[..., Path]


def played(source: FileSource) -> Iterator[Frame]:
    source.open()
    while (frame := source.read()) is not None:
        yield frame
    source.close()


def test_every_frame_comes_once_in_order(make_video: MakeVideo, clock: Any) -> None:
    greys = [float(frame.image().mean()) for frame in played(FileSource(make_video(12), clock))]
    assert greys == pytest.approx([10 + 20 * index for index in range(12)], abs=9)  # the codec is lossy; half a step


def test_a_paced_file_gives_each_frame_when_it_is_due(make_video: MakeVideo, clock: Any) -> None:
    begun = clock.utc_ms()
    for index, frame in enumerate(played(FileSource(make_video(12, fps=10), clock, realtime=True))):
        assert clock.utc_ms() - begun == pytest.approx(index * 100, abs=1)
        assert frame.observed_at - begun == pytest.approx(index * 100, abs=1)
        assert frame.observed_at <= clock.utc_ms()


def test_a_paced_file_ends_when_its_last_frame_is_over_so_that_a_loop_begins_later(
    make_video: MakeVideo, clock: Any
) -> None:
    source = FileSource(make_video(12, fps=10), clock, realtime=True, loop=True)
    first = [frame.observed_at for frame in played(source)]
    second = [frame.observed_at for frame in played(source)]
    assert source.repeats
    assert second[0] - first[-1] == pytest.approx(100, abs=2)


def test_a_fast_file_ends_now_and_waits_for_nothing(make_video: MakeVideo, clock: Any) -> None:
    times = [frame.observed_at for frame in played(FileSource(make_video(12, fps=10), clock, realtime=False))]
    assert clock.slept == []
    assert times[-1] <= clock.utc_ms()
    assert times[0] == pytest.approx(clock.utc_ms() - 1200, abs=1)
    assert times[-1] - times[0] == pytest.approx(1100, abs=1)


def test_a_fast_file_is_not_live_and_a_paced_one_is(make_video: MakeVideo, clock: Any) -> None:
    assert not FileSource(make_video(), clock, realtime=False).live
    assert FileSource(make_video(), clock, realtime=True).live


def test_a_missing_file_is_named(tmp_path: Path, clock: Any) -> None:
    with pytest.raises(SourceUnusableError, match=r"nowhere\.mp4: no such file") as raised:
        FileSource(tmp_path / "nowhere.mp4", clock).open()
    assert raised.value.reason == "NOT_FOUND"


def test_a_file_that_is_no_video_is_named(tmp_path: Path, clock: Any) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("this is no video")
    with pytest.raises(SourceUnusableError, match=r"text\.mp4: invalid data") as raised:
        FileSource(path, clock).open()
    assert raised.value.reason == "DECODE"


def test_a_file_without_a_picture_is_named(tmp_path: Path, clock: Any) -> None:
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    with pytest.raises(SourceUnusableError, match=r"sound\.wav holds no video"):
        FileSource(path, clock).open()


def test_a_folder_is_no_video(tmp_path: Path, clock: Any) -> None:
    with pytest.raises(SourceUnusableError, match="is a directory"):
        FileSource(tmp_path, clock).open()


def test_a_file_without_frames_is_unusable_rather_than_over_at_once(tmp_path: Path, clock: Any) -> None:
    path = tmp_path / "empty.y4m"
    path.write_bytes(b"YUV4MPEG2 W64 H48 F10:1 Ip A1:1 C420jpeg\n")
    source = FileSource(path, clock, loop=True)
    with pytest.raises(SourceUnusableError, match=r"empty\.y4m"):
        list(played(source))


def test_a_file_without_timestamps_is_paced_by_its_frame_rate(make_video: MakeVideo, clock: Any) -> None:
    source = FileSource(make_video(12, name="bare.h264", codec="libx264"), clock)
    times = [frame.observed_at for frame in played(source)]
    # Such a stream says nothing of its rate either, and FFmpeg takes it for 25 a second.
    assert [later - times[0] for later in times] == pytest.approx([40 * index for index in range(12)], abs=1)


def test_a_fast_file_of_unknown_length_is_refused_with_the_way_out(make_video: MakeVideo, clock: Any) -> None:
    # A bare H.264 stream carries neither duration nor timestamps.
    source = FileSource(make_video(name="bare.h264", codec="libx264"), clock, realtime=False)
    with pytest.raises(SourceUnusableError, match="realtime: true"):
        source.open()
