"""INF013: a container reaches the container runtime or the root of the host."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.infra.workload import Power


@check("INF013", layer=Layer.INFRA, severity=Severity.HIGH, since="0.1", refs=("CWE:250", "CWE:668"))
def runtime_socket(power: Power) -> Iterator[Hit]:
    """A container reaches the container runtime or the root of the host.

    Why: Whoever can talk to the runtime starts a privileged container of their own: that is root on the host.
    Fix: Take the mount out. Build images with BuildKit rootless or kaniko; to watch containers put a read-only proxy before the
        socket (docker-socket-proxy).
    """
    if power.kind == "mount":
        yield Hit(
            f"{power.place} mounts {power.what}",
            line=power.line,
            symbol=f"{power.place} {power.what}",
            excerpt=power.excerpt,
        )
