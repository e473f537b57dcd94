"""INF011: a container runs an image without a digest."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.infra.workload import WorkloadImage


@check("INF011", layer=Layer.INFRA, severity=Severity.LOW, since="0.1", refs=("CWE:494", "ATLAS:AML.T0010"))
def undigested_workload_image(workload: WorkloadImage) -> Iterator[Hit]:
    """A container runs an image without a digest.

    Why: A tag can be pushed again; nodes that pull later then run other bytes under the same name.
    Fix: Append the digest: `image: name:tag@sha256:<64 characters>`.
    """
    if workload.image.is_undigested:
        yield Hit(
            f"{workload.place} runs {workload.written} without a digest",
            line=workload.line,
            symbol=f"{workload.place} {workload.written}",
            excerpt=workload.excerpt,
        )
