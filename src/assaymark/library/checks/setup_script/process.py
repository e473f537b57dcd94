"""LIB018: setup.py starts a process while it installs."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.setup_script import InstallStep


@check("LIB018", layer=Layer.LIBRARY, severity=Severity.LOW, since="0.1", refs=("CWE:829",))
def process_at_install(step: InstallStep) -> Iterator[Hit]:
    """setup.py starts a process while it installs.

    Why: Installing from source runs this program with the rights of whoever installs. Compilers and `git describe` are usual,
        and still run what the machine finds under that name.
    Fix: Install wheels (`pip install --only-binary :all: name`); take the version from metadata (setuptools-scm,
        hatch-vcs) and build with a backend (scikit-build-core, meson-python) in place of a script.
    """
    if step.kind == "process":
        yield Hit(f"setup.py {step.what}: {step.name}", line=step.line, symbol=step.name, excerpt=step.excerpt)
