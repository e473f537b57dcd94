"""INF001: a build starts from an image that changes under its name."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.infra.dockerfile import BaseImage


@check(
    "INF001", layer=Layer.INFRA, severity=Severity.MEDIUM, since="0.1", refs=("CWE:1357", "CWE:829", "ATLAS:AML.T0010")
)
def moving_base_image(base: BaseImage) -> Iterator[Hit]:
    """A build starts from an image that changes under its name.

    Why: Without a tag, or with one like `latest`, each build takes whatever was pushed last: a taken-over image is in your next
        build, and no two builds are the same.
    Fix: Write the version and the digest: `FROM python:3.12.7-slim@sha256:<64 characters>`
        (`docker buildx imagetools inspect python:3.12.7-slim` shows it).
    """
    if base.image.is_moving:
        tag = f"the tag `{base.image.tag}` moves" if base.image.tag else "no tag means `latest`"
        name = f"{base.written} ({base.image.name})" if "$" in base.written else base.written
        yield Hit(f"{base.role} {name}: {tag}", line=base.line, symbol=base.written, excerpt=base.excerpt)
