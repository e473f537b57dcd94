"""The metadata of a GGUF file by kind: whole numbers, texts, and how long arrays are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from assaymark.core.blob import Blob
from assaymark.core.format import Context
from assaymark.model.formats import gguf


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the keys say: texts, whole numbers (those of arrays are their lengths), and short lists of texts."""

    values: Mapping[str, object] = field(default_factory=dict)

    def text(self, key: str) -> str:
        """A text, or an empty one."""
        value = self.values.get(key)
        return value[:4096] if isinstance(value, str) else ""

    def number(self, key: str) -> int | None:
        """A whole number, or None."""
        value = self.values.get(key)
        return value if type(value) is int else None

    def length(self, key: str) -> int | None:
        """How long an array is."""
        value = self.values.get(key)
        return len(value) if isinstance(value, list) else self.number(key)

    def of_architecture(self, key: str) -> int | None:
        """The same below the architecture's own prefix."""
        return self.number(f"{self.text('general.architecture')}.{key}")


def metadata(blob: Blob, context: Context) -> Metadata:
    """Read them; raises Malformed."""
    return Metadata(gguf.metadata(blob, context))
