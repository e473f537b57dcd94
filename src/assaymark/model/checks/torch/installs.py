"""MDL137."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.torch.views import Installs


@check("MDL137", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("CWE:829", "CWE:494"))
def archive_has_packages_installed(packages: Installs) -> Iterator[Hit]:
    """A TorchServe archive has packages installed when it is loaded.

    Why: With `install_py_dep_per_model=true` the server runs `pip install` on a file that the archive brings; a package can run
        code while it is installed.
    Fix: Put the packages into the image of the server, pinned with their hashes, and leave `install_py_dep_per_model=false`.
    """
    yield Hit(f"the server installs what {packages.file} names", line=packages.line, symbol=packages.file)
