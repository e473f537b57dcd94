"""INF012: a container is as powerful as root on the host."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.infra.workload import Power


@check("INF012", layer=Layer.INFRA, severity=Severity.HIGH, since="0.1", refs=("CWE:250",))
def privileged_container(power: Power) -> Iterator[Hit]:
    """A container is as powerful as root on the host.

    Why: It sees every device, and code in it can take over the host and every other container, model and secret there.
    Fix: Take `privileged: true` or the capability out. For GPUs use the device plugin (`nvidia.com/gpu: 1`, compose
        `deploy.resources.reservations.devices`); add single, weaker capabilities where one is needed.
    """
    if power.kind == "privileged":
        yield Hit(
            f"{power.place} has {power.what}",
            line=power.line,
            symbol=f"{power.place} {power.what}",
            excerpt=power.excerpt,
        )
