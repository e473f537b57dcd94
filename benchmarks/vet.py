"""CPU of `assay deps vet` for each wheel: cold, and for an update of which one file changed; beside guarddog, if it is there.

python benchmarks/vet.py WHEEL... [--guarddog PATH/TO/guarddog]
"""

import argparse
import os
import resource
import subprocess
import tempfile
import zipfile


def seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def update(wheel: str, folder: str) -> str:
    """The same wheel with one Python file changed."""
    made = os.path.join(folder, os.path.basename(wheel))
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(made, "w") as new:
        first = next((n for n in old.namelist() if n.endswith(".py")), "")
        for name in old.namelist():
            new.writestr(name, old.read(name) + (b"\n# changed\n" if name == first else b""))
    return made


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("wheels", nargs="+")
    parser.add_argument("--guarddog")
    given = parser.parse_args()
    print("wheel                 cold s   update s   guarddog s")
    for wheel in given.wheels:
        with tempfile.TemporaryDirectory() as folder:
            vet = ["assay", "--home", os.path.join(folder, "home"), "deps", "vet", "--format", "json"]
            cold = seconds([*vet, wheel])
            warm = seconds([*vet, update(wheel, folder)])
            other = "-"
            if given.guarddog:
                other = f"{seconds([given.guarddog, 'pypi', 'scan', '--no-sandbox', wheel]):.1f}"
        print(f"{os.path.basename(wheel)[:20]:20}  {cold:6.1f}   {warm:8.1f}   {other:>10}")


if __name__ == "__main__":
    main()
