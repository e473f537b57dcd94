"""`assay scan`: look at files and folders, print findings and a verdict."""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from typing import Any

import click

from assaymark.core.errors import UsageError
from assaymark.core.scan import ScanReport
from assaymark.core.verdict import Outcome
from assaymark.faces.cli import DENIED, HOLD, OK

FORMATS = ("text", "json", "sarif", "junit", "markdown", "html")
_EXIT = {Outcome.ALLOW: OK, Outcome.DENY: DENIED, Outcome.HOLD: HOLD}
_MAX_BASELINE = 256 << 20


@click.command("scan")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="What to print.", show_default=True)
@click.option(
    "-o", "--output", "outputs", multiple=True, metavar="FORMAT:FILE", help="Also write a report. Repeatable."
)
@click.option("--fail-on", metavar="SEVERITY", help="Deny from this severity on [default: high].")
@click.option("--persona", metavar="WHO", help="Hear as regular, pedantic or auditor [default: regular].")
@click.option("--exit-zero", is_flag=True, help="Exit 0 whatever the verdict: report only.")
@click.option("--baseline", metavar="FILE", help="Show and judge only what is new since this json report.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave paths out of the subject. Repeatable.")
@click.option("--follow-links", is_flag=True, help="Read what links to files point at, as in a Hugging Face cache.")
@click.option("--config", metavar="FILE", help="Settings [default: nearest assaymark.toml or pyproject.toml].")
@click.option("--no-config", is_flag=True, help="Use no settings file.")
@click.option("--allow", metavar="FILE", help="Signed policy of classes of your own that pickles may name.")
@click.option("--allow-key", "allow_keys", multiple=True, metavar="PUB", help="Who may have signed it. Repeatable.")
@click.option("--base", metavar="PATH", help="The base model: chat templates are held against its own.")
@click.option("--evidence", metavar="FILE", help="Write signed evidence of this scan; needs --key.")
@click.option("--key", metavar="KEY", help="Private key: a file, or the name of one in the home.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), metavar="N", help="Processes [default: all cores].")
@click.option(
    "--timeout", type=click.FloatRange(1), default=600.0, metavar="SECONDS", help="For each file [default: 600]."
)
@click.option("--no-digest", is_flag=True, help="Read headers and code only, hash nothing.")
@click.option("--full", is_flag=True, help="Fetch remote files whole and verify their digests, not headers only.")
@click.option("--no-cache", is_flag=True, help="Look again at what was looked at before.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the verdict.")
@click.option("-v", "--verbose", is_flag=True, help="Print every finding and all of the coverage.")
@click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", help="Colour of the text.")
@click.option("--no-progress", is_flag=True, help="No progress bar on the terminal.")
@click.pass_obj
def command(obj: Mapping[str, Any], /, paths: tuple[str, ...], **options: Any) -> int:
    """Look at model files, data, lockfiles, Dockerfiles, notebooks or whole folders, here or on another machine.

    Of hf://org/name, https://…, s3://, gs://, az://, oci:// and mlflow:// only what is looked at is fetched.

    Exit code: 0 allowed, 1 denied, 2 wrong usage, 3 held (not everything could be vouched for).
    """
    outputs = [_output(text) for text in options["outputs"]]
    if bool(options["evidence"]) != bool(options["key"]):
        raise UsageError("--evidence and --key go together", step="make a key with: assay key create NAME")
    if not options["key"]:
        report = _scan(paths, options, obj["home"])
    else:
        from assaymark.signing import private_key, write_evidence

        signer = private_key(options["key"], obj["home"])  # a key that cannot be read is said before the work
        report = _scan(paths, options, obj["home"])
        write_evidence(report, signer, options["evidence"])
    _write_reports(report, outputs, options)
    return OK if options["exit_zero"] else _EXIT[report.verdict.outcome]


def _scan(paths: tuple[str, ...], options: Mapping[str, Any], home: str | None) -> ScanReport:
    from assaymark.app import scan
    from assaymark.faces.cli.progress import bar

    quiet = options["quiet"] or options["no_progress"] or not sys.stderr.isatty()
    with bar(enabled=not quiet) as progress:
        return scan(
            *paths,
            jobs=options["jobs"],
            digest=not options["no_digest"],
            fail_on=options["fail_on"],
            persona=options["persona"],
            exclude=options["exclude"],
            follow_links=options["follow_links"],
            config="" if options["no_config"] else options["config"],
            baseline=_baseline(options["baseline"]),
            cache=not options["no_cache"],
            seconds=options["timeout"],
            full=options["full"],
            allow=options["allow"],
            allow_keys=options["allow_keys"],
            base=options["base"],
            progress=progress,
            home=home,
        )


def _write_reports(report: ScanReport, outputs: list[tuple[str, str]], options: Mapping[str, Any]) -> None:
    from assaymark.app import render, write

    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # it is a text stream
    details: dict[str, Any] = {}
    if options["form"] == "text":
        details = {name: options[name] for name in ("verbose", "quiet")}
        details["color"] = _color(options["color"])
        details["width"] = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    text = render(report, options["form"], **details)
    click.echo(text, nl=not text.endswith("\n"), color=True)
    for form, path in outputs:
        write(report, form, path)


def _output(text: str) -> tuple[str, str]:
    form, colon, path = text.partition(":")
    if form not in FORMATS or not colon or not path:
        raise UsageError(f"--output {text!r} is not FORMAT:FILE", step=f"formats are {', '.join(FORMATS)}")
    return form, path


def _baseline(path: str | None) -> Any:
    if path is None:
        return None
    try:
        if os.path.getsize(path) > _MAX_BASELINE:
            raise UsageError(f"the baseline {path} is larger than {_MAX_BASELINE >> 20} MiB")
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as error:
        raise UsageError(f"baseline {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the baseline {path} is not JSON: {error}") from error


def _color(choice: str) -> bool:
    """no-color.org and bixense.com/clicolors, unless the user says."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return os.environ.get("CLICOLOR_FORCE", "0") != "0" or sys.stdout.isatty()
