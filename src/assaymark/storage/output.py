"""Documents are written whole or not at all."""

import os
import tempfile

from assaymark.core.errors import UsageError


def write(path: str, text: str) -> None:
    """Write beside `path`, then rename over it; raises UsageError. Devices such as /dev/stdout are written to directly."""
    target = os.path.realpath(path)
    try:
        if os.path.exists(target) and not os.path.isfile(target):
            with open(target, "w", encoding="utf-8") as file:
                file.write(text)
            return
        descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(target) or ".", prefix=".assay-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}", step="choose a place that can be written") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
