"""INF014: a container shares a namespace with the host."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.infra.workload import Power


@check("INF014", layer=Layer.INFRA, severity=Severity.MEDIUM, since="0.1", refs=("CWE:653",))
def host_namespace(power: Power) -> Iterator[Hit]:
    """A container shares a namespace with the host.

    Why: It reaches services that listen on the host's loopback, or sees and disturbs its processes and shared memory.
    Fix: Take it out: publish ports (`ports:`, a Service); for shared memory between workers set `shm_size:` or an `emptyDir` with
        `medium: Memory`.
    """
    if power.kind == "namespace":
        yield Hit(
            f"{power.place} shares {power.what}",
            line=power.line,
            symbol=f"{power.place} {power.what}",
            excerpt=power.excerpt,
        )
