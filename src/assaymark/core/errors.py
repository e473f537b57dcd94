"""The error tree.

AssayError            what went wrong, why, and the next step; the CLI prints only that
├── UsageError        the request makes no sense (exit 2)
│   ├── NotFound      nothing has that name, or nothing that the one who asks may see
│   └── Conflict      it cannot be done as things stand now
├── Malformed         bytes that are not what they claim to be (a finding, and the verdict holds)
├── OverBudget        looking would cost more than the budget allows (a finding, and the verdict holds)
├── Opaque            nothing here can be looked at (a finding, and the verdict holds)
├── Unreadable        the bytes could not be had: permission, device, vanished (a finding, and the verdict holds)
│   └── Unauthorized  a host wants other credentials (exit 4 where nothing could be looked at without)
└── Untrusted         a signature, key or digest does not hold (exit 1)
"""


class AssayError(Exception):
    """Base of every error a user can meet. `step` is what to do next."""

    def __init__(self, message: str, *, step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.step = step

    def __reduce__(self) -> tuple[type, tuple[str], dict[str, object]]:
        """Errors cross the process pool; the default protocol would drop keyword arguments."""
        return type(self), (self.message,), self.__dict__


class UsageError(AssayError):
    """The request itself cannot be carried out."""


class NotFound(UsageError):
    """Nothing has that name."""


class Conflict(UsageError):
    """What is asked for does not go with the state that the thing is in now."""


class Malformed(AssayError):
    """The bytes break the rules of the format they claim; `offset` is where, in bytes."""

    def __init__(self, message: str, *, offset: int | None = None, step: str = "") -> None:
        super().__init__(message, step=step)
        self.offset = offset


class OverBudget(AssayError):
    """A limit of time, bytes, depth or count was reached before everything was seen."""


class Opaque(AssayError):
    """The content is known, and known to be beyond what we can look at."""


class Unreadable(AssayError):
    """The operating system would not give us the bytes, or they are not bytes at rest."""


class Unauthorized(Unreadable):
    """A host asks for credentials, or does not accept the ones it was given."""


class Untrusted(AssayError):
    """A signature, a key or a digest did not verify."""
