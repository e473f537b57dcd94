"""TorchServe archives that lie unpacked in a folder (`torch-model-archiver --archive-format no-archive`)."""

from collections.abc import Iterator

from assaymark.core.blob import Bytes
from assaymark.core.errors import AssayError
from assaymark.core.format import Item, Skipped, Tree
from assaymark.core.source.python import LIMIT
from assaymark.model.torch.bundled import read_code
from assaymark.model.torch.part import MANIFEST, Role, TorchPart
from assaymark.model.torch.served import read_manifest

_FILES = 200


def views(tree: Tree) -> Iterator[tuple[str, Item]]:
    """Yield what the manifest of each such folder says, and what its Python does."""
    for manifest in [path for path in tree.files if path.casefold().endswith(MANIFEST)]:
        folder = manifest[: -len(MANIFEST)]
        if folder and not folder.endswith("/"):
            continue
        paths = [path for path in tree.files if path.startswith(folder)]
        names = frozenset(path.removeprefix(folder).casefold() for path in paths)
        code = [path for path in paths if path.lower().endswith((".py", ".pyc"))]
        if len(code) > _FILES:
            yield manifest, Skipped("code", f"{len(code) - _FILES:,} more Python files than are read beside a manifest")
        for path in [manifest, *code[:_FILES]]:
            try:
                data = Bytes(tree.read(path, LIMIT))
                if path == manifest:
                    part = TorchPart(data, Role.MANIFEST, path, names)
                    yield from ((path, view) for view in read_manifest(part))
                else:
                    yield from ((path, view) for view in read_code(TorchPart(data, Role.HANDLER, path, names)))
            except AssayError as error:
                yield path, Skipped(path, error.message)
