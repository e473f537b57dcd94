"""DAT006."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.format import FileFacts
from assaymark.core.subject import Layer


@check("DAT006", layer=Layer.DATA, severity=Severity.MEDIUM, since="0.1", refs=("CWE:646",))
def data_file_holds_a_container(facts: FileFacts) -> Iterator[Hit]:
    """A data file is a container of another kind than its name says.

    Why: Loaders open it by content, people and filters by name; what is inside was never seen by whoever accepted it.
    Fix: Give the file the name of what it is, or unpack it: `file NAME` says what the content is.
    """
    content = next((f for f in facts.formats if f in _CONTAINERS and f not in _ALLOWED.get(facts.suffix, ())), None)
    if facts.suffix in _NAMED and content is not None:
        yield Hit(f"named {facts.suffix}, but the content is {content}", symbol=f"{facts.suffix}: {content}")


_NAMED = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather", ".orc", ".avro"})
_CONTAINERS = frozenset(
    {"zip", "tar", "hdf5", "npy", "gguf", "onnx", "sealed", "compressed", "sqlite", "parquet", "arrow"}
)
_ALLOWED = {".parquet": ("parquet",), ".arrow": ("arrow",), ".feather": ("arrow", "parquet")}
