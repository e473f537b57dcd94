"""Starts uv and pip, and nothing else: no shell, a bounded time and output, an environment without what is not theirs.

Neither ever builds what was scanned: uv is told `--no-build`, pip `--only-binary :all:`.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence

from assaymark.core.errors import OverBudget, Unreadable, UsageError
from assaymark.core.record import dataclass

SECONDS = 300.0
_OUTPUT = 1 << 20
"""Bytes of output that are kept."""
_KEPT = frozenset(
    {
        "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "SYSTEMROOT", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY",
        "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy", "REQUESTS_CA_BUNDLE", "UV_CACHE_DIR",
        "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_OFFLINE", "UV_EXCLUDE_NEWER", "PIP_INDEX_URL", "PIP_CACHE_DIR", "PIP_CERT",
        "PIP_CONFIG_FILE", "UV_CONFIG_FILE", "UV_NATIVE_TLS",
    }
)  # fmt: skip
_FENCES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("uv", "lock"): ("--no-build", "--keyring-provider=disabled", "--no-progress"),
    ("uv", "pip", "compile"): ("--no-build", "--keyring-provider=disabled", "--no-progress"),
    ("pip", "lock"): ("--only-binary=:all:", "--no-input"),
}
"""What each command is given besides: it builds nothing, and asks nobody for a password."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a tool ended."""

    command: tuple[str, ...]
    code: int
    output: str
    """Both streams, at most a mebibyte, the end where it is longer."""


def run(command: Sequence[str], folder: str, *, seconds: float = SECONDS) -> Ran:
    """Run `uv lock`, `uv pip compile` or `pip lock` in a folder.

    Raises UsageError for anything else, Unreadable where the tool is not installed, OverBudget where it does not end.
    """
    words = next((known for known in _FENCES if tuple(command[: len(known)]) == known), None)
    if words is None:
        raise UsageError(f"{' '.join(command[:3])!r} is not run from here")
    program = shutil.which(words[0])
    if program is None:
        raise Unreadable(f"{words[0]} is not installed", step=f"install it, or run it yourself: {' '.join(command)}")
    given = [program, *words[1:], *_FENCES[words], *command[len(words) :]]
    environment = {name: value for name, value in os.environ.items() if name in _KEPT}
    environment |= {"NO_COLOR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_PYTHON_DOWNLOADS": "never"}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - a fixed list of commands, no shell
            given, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True, close_fds=True,
        )  # fmt: skip
        try:
            code = process.wait(seconds)
        except BaseException as error:
            _end(process)
            if isinstance(error, subprocess.TimeoutExpired):
                raise OverBudget(f"{' '.join(command)} did not end within {seconds:g} s") from None
            raise
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - _OUTPUT))
        return Ran(tuple(command), code, output.read(_OUTPUT).decode("utf-8", "replace"))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the tool and all that it started."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
