"""What can go wrong with the local stack, each by a name that says whose move is next.

LocalStackError
├── MissingToolError        install what the message names
├── ToolFailedError         a program fetched or prepared something and failed; its last words are in the message
├── HashMismatchError       a download is not what was published; fetch again, then ask why
├── PortInUseError          stop the other program or choose another port
├── FolderInUseError        another process works in this folder
├── FolderClosedError       the account of PostgreSQL cannot enter a folder
├── OtherAddressError       the service already runs, elsewhere
├── OtherClusterError       the data are those of another number of brokers
└── StartFailedError        a service ended or stayed silent; its log is named
"""


class LocalStackError(Exception):
    """The local stack cannot do what was asked; the message says why and what to do next."""


class MissingToolError(LocalStackError):
    """A program or file of the host is not there."""


class ToolFailedError(LocalStackError):
    """A one-shot program (mvn, apt-get, initdb, ...) ended with an error."""


class HashMismatchError(LocalStackError):
    """Downloaded files differ from the committed SHA-256 list."""


class PortInUseError(LocalStackError):
    """A port of the stack belongs to another program."""


class FolderInUseError(LocalStackError):
    """A lock is held by another process."""


class FolderClosedError(LocalStackError):
    """The unprivileged account cannot reach its files."""


class OtherAddressError(LocalStackError):
    """The service of this data folder runs with other ports than the settings say."""


class OtherClusterError(LocalStackError):
    """Kafka's data folder was made for another number of brokers, which cannot change later."""


class StartFailedError(LocalStackError):
    """A service did not become ready."""
