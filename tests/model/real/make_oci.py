"""Made the archives in `oci/`, with umoci 0.4.7 and skopeo 1.9.3 (Debian 12). Never run by the tests.

`*-layout.tar` are folders packed by `tar`; the tests unpack them. The payload of the evil one only asks for the
working directory.
"""

import os
import pickle
import subprocess
import tempfile
from pathlib import Path

OUT = Path(__file__).parent / "oci"


class Shell:
    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.getcwd, ()


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def image(name: str, payload: object) -> None:
    """A base layer that is a system's root, a second with a model, a third that takes a file away again."""
    for folder in ("etc", "usr/bin", "var", "lib"):
        Path(f"{name}-root", folder).mkdir(parents=True)
    Path(f"{name}-root/etc/hostname").write_text("model\n")
    Path(f"{name}-root/etc/mtab").symlink_to("/proc/mounts")
    Path(f"{name}-model/opt").mkdir(parents=True)
    Path(f"{name}-model/opt/model.pkl").write_bytes(pickle.dumps(payload, protocol=2))
    Path(f"{name}-gone/etc").mkdir(parents=True)
    Path(f"{name}-gone/etc/.wh.hostname").touch()
    run("umoci", "init", "--layout", name)
    run("umoci", "new", "--image", f"{name}:v1")
    for part in ("root", "model", "gone"):
        run("tar", "--owner=0", "--group=0", "-C", f"{name}-{part}", "-cf", f"{name}-{part}.tar", ".")
        run("umoci", "raw", "add-layer", "--image", f"{name}:v1", f"{name}-{part}.tar")
    run("umoci", "config", "--image", f"{name}:v1", "--config.entrypoint", "/bin/serve")
    run("umoci", "gc", "--layout", name)


def main() -> None:
    OUT.mkdir(exist_ok=True)
    for old in OUT.glob("*.tar"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, payload in (("good", {"weights": [1, 2, 3]}), ("evil", Shell())):
            image(name, payload)
            run("tar", "-C", name, "-cf", str(OUT / f"{name}-layout.tar"), ".")
            run("skopeo", "copy", f"oci:{name}:v1", f"docker-archive:{OUT}/{name}-docker.tar:model:v1")
            run("skopeo", "copy", f"oci:{name}:v1", f"oci-archive:{OUT}/{name}-oci.tar:v1")
        run("skopeo", "copy", "--dest-compress-format", "zstd", "oci:good:v1", f"oci-archive:{OUT}/good-zstd.tar:v1")
        run("skopeo", "copy", "oci:evil:v1", "dir:evil-dir", "--dest-compress-format", "zstd", "--dest-compress")
        run("tar", "-C", "evil-dir", "-cf", str(OUT / "evil-dir.tar"), ".")


if __name__ == "__main__":
    main()
