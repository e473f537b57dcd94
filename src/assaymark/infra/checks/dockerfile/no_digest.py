"""INF002: a build starts from an image without a digest."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.infra.dockerfile import BaseImage


@check("INF002", layer=Layer.INFRA, severity=Severity.LOW, since="0.1", refs=("CWE:494", "ATLAS:AML.T0010"))
def undigested_base_image(base: BaseImage) -> Iterator[Hit]:
    """A build starts from an image without a digest.

    Why: A tag can be pushed again. Only a digest says which bytes were tested, and lets a registry that was taken over change
        nothing.
    Fix: Append the digest: `image:tag@sha256:<64 characters>`; let a bot (Renovate, Dependabot) move both together.
    """
    if base.image.is_undigested and base.role != "syntax":
        yield Hit(
            f"{base.role} {base.written} has no digest", line=base.line, symbol=base.written, excerpt=base.excerpt
        )
