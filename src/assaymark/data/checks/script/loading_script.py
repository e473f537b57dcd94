"""DAT003."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.data.scripts import DatasetScript


@check(
    "DAT003",
    layer=Layer.DATA,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:829", "ATLAS:AML.T0010.002"),
)
def dataset_needs_a_script(script: DatasetScript) -> Iterator[Hit]:
    """The dataset is made by a script that runs on the reader's machine.

    Why: `load_dataset(..., trust_remote_code=True)` and `tfds.load` import it and run it with the reader's rights, at
    every version anew. What it fetches is not covered by the digest of this folder.
    Fix: Convert the data once in a sandbox and keep that: `datasets-cli convert_to_parquet REPO`; then delete the script.
    """
    does = sorted({act.deed.value for act in script.acts})
    said = f"; it {', '.join(does)}" if does else ""
    hosts = f"; data comes from {', '.join(script.hosts[:5])}" if script.hosts else ""
    yield Hit(f"{script.title} runs when the dataset is loaded{said}{hosts}", line=script.line, symbol=script.title)
