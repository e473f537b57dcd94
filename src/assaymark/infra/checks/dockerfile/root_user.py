"""INF004: the image runs as root."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.infra.dockerfile import FinalStage
from assaymark.infra.image import is_root


@check("INF004", layer=Layer.INFRA, severity=Severity.MEDIUM, since="0.1", refs=("CWE:250",))
def runs_as_root(stage: FinalStage) -> Iterator[Hit]:
    """The image runs as root.

    Why: Code that a model, a dataset or a request gets to run in the container is root there, and one kernel or runtime flaw
        away from root on the host.
    Fix: Before CMD or ENTRYPOINT of the last stage: `RUN useradd --uid 10001 app` and `USER 10001`.
    """
    if stage.user:
        if is_root(stage.user):
            yield Hit(
                f"the last USER of the final stage is {stage.user}",
                line=stage.line,
                symbol=f"USER {stage.user}",
                excerpt=stage.excerpt,
            )
    elif stage.base.known and "nonroot" not in stage.base.tag:
        yield Hit(
            "no USER in the final stage: it runs as the base image says, which is root unless that sets another user",
            line=stage.line,
            symbol="USER",
            excerpt=stage.excerpt,
        )
