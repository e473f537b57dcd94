"""Settings and scripts: .env, ini and toml files, properties, shell and Python scripts, small JSON; for plaintext credentials."""

import re
from collections.abc import Iterator

from assaymark.core.blob import Blob
from assaymark.core.format import Context, Item, Skipped
from assaymark.tooling.credentials import LIMIT, credentials, literals, read_loose, settings
from assaymark.tooling.names import CODE

_KAGGLE = re.compile(r'"key"\s*:\s*"([0-9a-f]{32})"')
_SAMPLE = re.compile(r"example|sample|template|\.dist$|\.tmpl$")


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Yield each credential."""
    if blob.size > LIMIT:
        yield Skipped(
            context.name, f"{blob.size:,} bytes: too long for settings or a script, not searched", holds=False
        )
        return
    name = context.name.lower()
    text = read_loose(blob, context.budget, context.name)
    if name == "kaggle.json":
        yield from credentials(text, [("api_key", m[1], m.start(1)) for m in _KAGGLE.finditer(text)])
    elif name.endswith(CODE):
        yield from credentials(text, literals(text), passwords=False)
    elif name.endswith(".json") or _SAMPLE.search(name):
        yield from credentials(text, [])
    elif name in {".netrc", "_netrc", ".pgpass"}:
        yield from credentials(text, _netrc(text))
    else:
        yield from credentials(text, settings(text))


def _netrc(text: str) -> Iterator[tuple[str, str, int]]:
    for match in re.finditer(
        r"\bpassword\s+(?P<value>\S{1,400})|^[^#:\n]*:[^:\n]*:[^:\n]*:[^:\n]*:(?P<last>.{1,400})$", text, re.MULTILINE
    ):
        group = "value" if match["value"] else "last"
        yield "password", match[group], match.start(group)
