"""Real footage for the demo and the tests: people walking, one of the PETS 2009 sequences (S2.L1, view 1).

768x576 pixels, 10 frames/s, 795 frames. It must not know what it is used for.
"""

import shutil
from pathlib import Path

from infra.local import debian
from infra.local.cache import build_once, verify

PACKAGE = "opencv-doc"
FILE = "usr/share/doc/opencv-doc/examples/data/vtest.avi"
SHA256 = "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf  vtest.avi"


def vtest(cache: Path, mirror: str | None = None) -> Path:
    """Path of the video; the first call fetches Debian's package `opencv-doc` (98 MB) and keeps this one file.

    Raises:
        LocalStackError: it could not be fetched, or is not the file that was published.
    """

    def build(folder: Path) -> None:
        package = folder / "package"
        package.mkdir()
        debian.unpack([PACKAGE], package, mirror)
        (package / FILE).rename(folder / "vtest.avi")
        shutil.rmtree(package)
        verify(folder, SHA256)

    return build_once(cache / "footage", build) / "vtest.avi"
