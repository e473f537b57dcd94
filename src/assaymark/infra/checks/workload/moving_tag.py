"""INF010: a container runs an image that changes under its name."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.infra.workload import WorkloadImage


@check(
    "INF010", layer=Layer.INFRA, severity=Severity.MEDIUM, since="0.1", refs=("CWE:1357", "CWE:829", "ATLAS:AML.T0010")
)
def moving_workload_image(workload: WorkloadImage) -> Iterator[Hit]:
    """A container runs an image that changes under its name.

    Why: Without a tag, or with one like `latest`, a restart may run something else than what was tested and approved.
    Fix: Write the version and the digest: `image: name:1.4.2@sha256:<64 characters>`.
    """
    if workload.image.is_moving:
        tag = f"the tag `{workload.image.tag}` moves" if workload.image.tag else "no tag means `latest`"
        yield Hit(
            f"{workload.place} runs {workload.written}: {tag}",
            line=workload.line,
            symbol=f"{workload.place} {workload.written}",
            excerpt=workload.excerpt,
        )
