"""LIB020 to LIB024: what `assay deps lock-check` sees across files and entries."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.inventory.model import Package
from assaymark.library.lockcheck.views import Direct, Disagreement, MarkerFault, SourceOnly, Yanked


def _hit(message: str, package: Package) -> Hit:
    return Hit(message, line=package.line or None, symbol=package.name, excerpt=f"{package.name} {package.version}")


@check("LIB020", layer=Layer.LIBRARY, severity=Severity.LOW, since="0.1", refs=("CWE:829",))
def direct_address(found: Direct) -> Iterator[Hit]:
    """A package comes from an address of its own, not from an index.

    Why: A mirror, its quarantine and advisories by version do not reach it: whoever answers at that address decides.
    Fix: Publish it to your own index and write `name==version` with its hash; until then name a full commit or a sha256.
    """
    what = {"git": "a repository", "url": "an address", "local": "a folder or file beside the project"}[found.form]
    where = found.package.index or "not named"
    yield _hit(f"{found.package.name} comes from {what} ({where}), not from an index", found.package)


@check("LIB021", layer=Layer.LIBRARY, severity=Severity.HIGH, since="0.1", refs=("CWE:345", "CWE:494"))
def hashes_disagree(found: Disagreement) -> Iterator[Hit]:
    """Two places name different contents for the same version of a package.

    Why: A version has one content at one index. One of the two was made from another index, or was changed afterwards.
    Fix: Find out which one is right (`pip download --no-deps --only-binary :all: name==version` and `sha256sum` from
        the index you trust), then lock both again from it.
    """
    package, other = found.package, found.other
    what = "bytes at hand" if other.source in {"wheel", "sdist"} else "another lock"
    yield _hit(
        f"{package.name} {package.version}: none of its hashes is in {other.place} ({what}), which has "
        f"{other.hashes[0][:23]}…",
        package,
    )


@check("LIB022", layer=Layer.LIBRARY, severity=Severity.LOW, since="0.1", refs=("CWE:829",))
def source_only(found: SourceOnly) -> Iterator[Hit]:
    """A locked package has no wheel: installing it runs its build.

    Why: A build runs a stranger's code with your rights before anything was imported, and fetches what it builds with
        without a hash.
    Fix: Build a wheel once in a place without secrets (`uv build --wheel`), put it into your index and lock that; then
        install with `--only-binary :all:` (`uv sync --no-build`).
    """
    yield _hit(f"{found.package.name} {found.package.version} is locked as {found.file} alone", found.package)


@check("LIB023", layer=Layer.LIBRARY, severity=Severity.MEDIUM, since="0.1", refs=("CWE:1104",))
def yanked_release(found: Yanked) -> Iterator[Hit]:
    """A locked release was yanked by its index.

    Why: Its maintainers took it back: it is broken, vulnerable or was not theirs. A pin installs it all the same.
    Fix: Lock again without it: `uv lock --upgrade-package name`, or the same for your tool.
    """
    why = f": {found.reason[:200]}" if found.reason else ""
    yield _hit(f"{found.package.name} {found.package.version} was yanked{why}", found.package)


@check("LIB024", layer=Layer.LIBRARY, severity=Severity.MEDIUM, since="0.1", refs=("CWE:1357",))
def marker_fault(found: MarkerFault) -> Iterator[Hit]:
    """The markers of one package leave out a Python that lies between others, or hold for two versions at once.

    Why: In the hole the package is not installed, or is resolved anew from whatever is released by then; where two
        versions hold, the installer refuses or takes whichever comes first.
    Fix: Lock for all platforms at once: `uv lock`, or `uv pip compile --universal --generate-hashes`.
    """
    yield _hit(f"{found.package.name} {found.problem}", found.package)
