"""Any other YAML of a project: settings, parameters, trackers, and templates that are no YAML before they are filled in."""

from collections.abc import Iterator

from assaymark.core.blob import Blob
from assaymark.core.errors import AssayError, Malformed
from assaymark.core.format import Context, Item, Skipped
from assaymark.core.source.yaml_tree import LIMIT
from assaymark.tooling.credentials import read_loose
from assaymark.tooling.pipelines import read


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Yield what stands there; a text that is no YAML is only searched for credentials."""
    if blob.size > LIMIT:
        yield Skipped(context.name, f"YAML of {blob.size:,} bytes: too long for settings, not searched", holds=False)
        return
    text = read_loose(blob, context.budget, f"YAML {context.name}", LIMIT)
    try:
        yield from read(text)
    except Malformed as error:
        yield Skipped(context.name, f"{error.message}; searched for credentials line by line", holds=False)
    except AssayError as error:
        yield Skipped(context.name, error.message, holds=False)
