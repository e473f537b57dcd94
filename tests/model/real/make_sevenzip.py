"""Made the archives in `sevenzip/`, with 7-Zip 26.02 (Debian p7zip-full) and py7zr 1.1.4. Never run by the tests.

Run as `python make_sevenzip.py` in an environment that has py7zr, on a system that has `7z`.
"""

import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import py7zr

OUT = Path(__file__).parent / "sevenzip"


class Shell:
    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.getcwd, ()


def seven(name: str, *arguments: str) -> None:
    path = OUT / name
    path.unlink(missing_ok=True)
    subprocess.run(["7z", "a", "-bd", *arguments[:-1], str(path), arguments[-1]], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for root, payload in (("good", {"weights": [1, 2, 3]}), ("evil", Shell())):
            Path(root, "sub").mkdir(parents=True)
            Path(root, "readme.txt").write_text("a model\n" * 40)
            Path(root, "empty.txt").touch()
            Path(root, "ünïcode.txt").write_text("text\n")
            Path(root, "sub", "model.pkl").write_bytes(pickle.dumps(payload, protocol=2))
        Path("good", "link.txt").symlink_to("readme.txt")
        for method in ("LZMA", "LZMA2", "BZip2", "Deflate", "Copy", "PPMd", "Deflate64"):
            seven(f"good-{method.lower()}.7z", f"-m0={method}", "-snl", "good")
        seven("good-delta.7z", "-m0=Delta:4", "-m1=LZMA2", "good")
        seven("good-delta-bzip2.7z", "-m0=Delta:2", "-m1=BZip2", "good")
        seven("good-x86.7z", "-m0=BCJ", "-m1=LZMA", "good")
        seven("good-arm.7z", "-m0=ARM", "-m1=LZMA2", "good")
        seven("good-bcj2.7z", "-m0=BCJ2", "-m1=LZMA2", "-m2=LZMA", "-m3=LZMA", "-mb0:1", "-mb0s1:2", "-mb0s2:3", "good")
        seven("good-blocks.7z", "-ms=off", "good")
        seven("good-plain-header.7z", "-mhc=off", "good")
        seven("evil.7z", "evil")
        seven("evil-blocks.7z", "-ms=off", "evil")
        seven("locked.7z", "-psecret", "evil")
        seven("locked-header.7z", "-psecret", "-mhe=on", "evil")
        for name, chain in (
            ("zstd", [{"id": py7zr.FILTER_ZSTD, "level": 3}]),
            ("ppmd", [{"id": py7zr.FILTER_PPMD, "order": 6, "mem": 16}]),
            ("x86", [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA2, "preset": 7}]),
        ):
            with py7zr.SevenZipFile(OUT / f"py7zr-{name}.7z", "w", filters=chain) as archive:
                archive.writeall("good")
    sys.stdout.write(f"{sum(path.stat().st_size for path in OUT.iterdir()):,} bytes\n")


if __name__ == "__main__":
    main()
