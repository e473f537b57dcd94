"""DAT001."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.format import FileFacts
from assaymark.core.subject import Layer


@check(
    "DAT001", layer=Layer.DATA, severity=Severity.HIGH, since="0.1", refs=("CWE:502", "CWE:646", "ATLAS:AML.T0011.000")
)
def data_file_holds_code(facts: FileFacts) -> Iterator[Hit]:
    """A data file holds what a loader runs.

    Why: A pickle or machine code under a data name passes every filter that goes by extension, and libraries that look
    at the content (`pandas.read_pickle`, `joblib.load`, `torch.load`) run it.
    Fix: Ask the supplier for the data as CSV, JSON or Parquet; do not open this file. To see inside without running it,
        read the findings on its content.
    """
    if facts.suffix in _DATA:
        for found in facts.formats:
            if found in _CODE and not (found == "pickle" and facts.suffix in _ANYTHING):
                yield Hit(f"named {facts.suffix}, but the content is {_CODE[found]}", symbol=f"{facts.suffix}: {found}")


_DATA = frozenset({
    ".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".geojson", ".parquet", ".arrow", ".feather", ".orc", ".avro",
    ".txt", ".dat", ".data", ".xml", ".libsvm", ".svmlight", ".arff",
})  # fmt: skip
_ANYTHING = frozenset({".dat", ".data"})
"""Names that promise no kind of data: models are pickled under them as well."""
_CODE = {"pickle": "a pickle, which runs code when it is loaded", "native": "machine or byte code"}
