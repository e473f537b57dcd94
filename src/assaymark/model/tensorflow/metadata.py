"""`keras_metadata.pb` of Keras 2: a JSON document for each layer of the model, from which layers are made anew on load.

Schema: keras/protobuf/saved_metadata.proto (SavedMetadata.nodes = 1, SavedObject.metadata = 5).
"""

from collections.abc import Iterator

from assaymark.core.blob import Blob, Slice
from assaymark.core.format import Context, Item, Member
from assaymark.model.formats.protobuf import BYTES, Reader


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """A Member for each document; they are looked at as Keras configurations."""
    reader = Reader(blob, context.budget)
    index = 0
    for node in reader.fields(0, blob.size):
        for part in reader.fields(node.start, node.end) if node.number == 1 and node.wire == BYTES else ():
            if part.number == 5 and part.wire == BYTES and part.end > part.start:
                yield Member(f"keras_object_{index}.json", Slice(blob, part.start, part.end - part.start))
                index += 1
