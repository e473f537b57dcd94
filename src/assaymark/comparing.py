"""`assay scan --base`: the chat templates of a base model, for those of what is scanned to be held against."""

from contextlib import AbstractContextManager

from assaymark.core.errors import AssayError, UsageError
from assaymark.core.scan import FileReport
from assaymark.model.huggingface import templates
from assaymark.survey import FolderTree, Found, find, hang_up, open_item

_MAGICS = (b"GGUF", b"FUGG")


def held_against(base: str) -> AbstractContextManager[None]:
    """The block in which the templates of `base`, here or on another machine, are the reference.

    Raises UsageError where it has none.
    """
    roots, found, _ = find([base], (), follow_links=True)
    alone = not roots[0].is_folder
    try:
        files = {item.path: item for item in found if not item.entry.problem}
        tree = FolderTree({path: _seen(item) for path, item in files.items()}, files)
        spoken = list(templates.spoken(tree, alone=alone))
    finally:
        hang_up(found)
    if not spoken:
        raise UsageError(
            f"the base {base} has no chat template that can be read",
            step="name its folder, a GGUF file, tokenizer_config.json or chat_template.jinja",
        )
    return templates.held_against(spoken)


def _seen(item: Found) -> FileReport:
    """What a file is, as far as it matters here."""
    formats: tuple[str, ...] = ()
    if item.path.lower().endswith((".gguf", ".bin")) or "." not in item.path.rpartition("/")[2]:
        try:
            with open_item(item, digest=False) as blob:
                formats = ("gguf",) if blob.read(0, 4) in _MAGICS else ()
        except AssayError:
            formats = ()
    return FileReport(item.path, 0, None, formats)
