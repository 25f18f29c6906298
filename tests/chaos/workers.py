"""The processes under test, as something that supervises them would run them: one that ends is started again."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from aforo.demo.children import Children
from infra.local.tools import last_lines


class Worker:
    """One process of Aforo, by name. `down` on purpose, it is left alone."""

    def __init__(self, name: str, arguments: tuple[str, ...], environment: Mapping[str, str], logs: Path) -> None:
        self.name = name
        self.endings: Counter[int] = Counter()  # exit statuses of those that ended by themselves
        self._arguments = arguments
        self._environment = environment
        self._logs = logs
        self._children = Children(environment, logs)
        self.pid = 0

    def start(self, **more: str) -> None:
        """Start it, with more in its environment."""
        self._children = Children({**self._environment, **more}, self._logs)
        self.pid = self._children.start(self.name, *self._arguments)

    @property
    def down(self) -> bool:
        """Whether it was ended on purpose and not started since."""
        return not self._children.running

    def ended(self) -> int | None:
        """Its exit status, if it ended by itself."""
        return self._children.ended().get(self.name)

    def revive(self) -> None:
        """Start it again if it ended by itself."""
        status = self.ended()
        if status is not None:
            self.endings[status] += 1
            self.start()

    def kill(self) -> None:
        """End it by SIGKILL."""
        if not self.down:
            self._children.kill(self.name)

    def stop(self) -> int:
        """End it by SIGTERM and return its exit status."""
        return 0 if self.down else self._children.stop(self.name)

    def last_words(self) -> str:
        """The end of its log."""
        return last_lines(self._children.log(self.name).read_text(errors="replace"))
