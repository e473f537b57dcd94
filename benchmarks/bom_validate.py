"""Validation of BOMs: ours (schema and everything beyond) beside cyclonedx-python-lib (schema alone) on the same file.

    .venv/bin/python benchmarks/bom_validate.py [--components 300,3000] [--no-other]

The other one is quadratic in the number of components: 3,000 take it a minute.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def bom(count: int) -> dict:
    """A model with `count` components: libraries with digests, licences and dependencies, datasets with digests."""
    digest = "{:064x}".format
    components = [
        {
            "type": "library", "bom-ref": f"pkg:pypi/lib{n}@1.{n}.0", "name": f"lib{n}", "version": f"1.{n}.0",
            "purl": f"pkg:pypi/lib{n}@1.{n}.0", "licenses": [{"license": {"id": ("MIT", "Apache-2.0")[n % 2]}}],
            "hashes": [{"alg": "SHA-256", "content": digest(n)}],
            "externalReferences": [{"type": "website", "url": f"https://example.org/lib{n}"}],
            "properties": [{"name": "example:group", "value": "train"}],
        }
        for n in range(count)
    ]  # fmt: skip
    refs = [one["bom-ref"] for one in components]
    depends = [{"ref": ref, "dependsOn": refs[n + 1 : n + 6]} for n, ref in enumerate(refs)]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.7",
        "version": 1, "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "metadata": {
            "timestamp": "2026-01-01T00:00:00Z",
            "component": {
                "type": "machine-learning-model", "bom-ref": "model", "name": "sentiment",
                "hashes": [{"alg": "SHA-256", "content": digest(7)}],
            },
        },
        "components": components,
        "dependencies": [{"ref": "model", "dependsOn": refs[:50]}, *depends],
    }  # fmt: skip


def best(run, times: int = 3) -> float:
    """Seconds, the best of some."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--components", default="300,3000")
    parser.add_argument("--no-other", action="store_true")
    options = parser.parse_args()
    from assaymark.bom.formats import of, parse
    from assaymark.bom.formats import write as written
    from assaymark.bom.validate import validate

    print(
        f"{'components':>10} {'ours, in process':>17} {'assay, process':>15} {'read':>8} {'write':>8} {'other':>9} {'ratio':>8}"
    )
    for count in map(int, options.components.split(",")):
        data = json.dumps(bom(count)).encode()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "bom.json")
            file.write_bytes(data)

            def ours(data: bytes = data) -> None:
                form, document = parse(data, "bom.json")
                problems = validate(document, form)
                assert problems == [], problems[:3]

            def process(file: Path = file) -> None:
                subprocess.run(
                    [sys.executable, "-m", "assaymark", "bom", "validate", str(file)], check=True, capture_output=True
                )

            inside, whole = best(ours), best(process)
            form, document = parse(data, "bom.json")
            reading = best(lambda form=form, document=document: of(form, document))
            made = of(form, document)
            writing = best(lambda made=made: written(made, "cyclonedx-1.7"))
            other = None if options.no_other else best(lambda data=data: theirs(data.decode()), 1)
        told = "" if other is None else f"{other:>7.2f} s {other / inside:>7.0f}x"
        print(f"{count:>10} {inside:>15.3f} s {whole:>13.3f} s {reading:>6.2f} s {writing:>6.2f} s {told}")


def theirs(text: str) -> None:
    """The schema alone, by cyclonedx-python-lib."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(text) is None


if __name__ == "__main__":
    main()
