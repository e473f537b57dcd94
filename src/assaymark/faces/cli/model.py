"""`assay model`: convert checkpoints, learn which classes pickles may name, and read the values of weights."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from assaymark.core.errors import UsageError
from assaymark.core.look import clean
from assaymark.faces.cli import DENIED, HOLD, OK
from assaymark.faces.cli.model_oms import sign, verify
from assaymark.faces.cli.model_origin import origin
from assaymark.faces.cli.model_shards import shards

if TYPE_CHECKING:
    from assaymark.converting import Conversion
    from assaymark.weighing import Weighed

_SHOWN = 10


@click.group("model")
def command() -> None:
    """Convert models to safetensors; learn which classes they may name; look into their weights; sign them; ask where they come from."""


command.add_command(sign)
command.add_command(verify)
command.add_command(shards)
command.add_command(origin)


@command.command("convert")
@click.argument("source", metavar="SRC")
@click.argument("destination", metavar="DST.safetensors")
@click.option(
    "--tied",
    type=click.Choice(("refuse", "copy", "drop")),
    default="refuse",
    show_default=True,
    help="Tensors that share memory: write each, or one and note the others in the metadata.",
)
@click.option("--leave-unknown", is_flag=True, help="Leave behind what safetensors cannot hold or nobody vetted.")
@click.option("--force", is_flag=True, help="Replace DST.")
@click.option("--report", metavar="FILE", help="Write a json report: each tensor with its digest.")
@click.option(
    "--timeout", type=click.FloatRange(1), default=3_600.0, metavar="SECONDS", help="Give up after [default: 3600]."
)
def convert(source: str, destination: str, **options: Any) -> int:
    """Write the tensors of a checkpoint to safetensors; nothing is unpickled.

    SRC: PyTorch (zip or legacy), joblib and pickle of NumPy arrays or scikit-learn estimators, npy, npz.
    """
    from assaymark.converting import convert as run

    done = run(
        source,
        destination,
        tied=options["tied"],
        leave_unknown=options["leave_unknown"],
        force=options["force"],
        seconds=options["timeout"],
    )
    if options["report"]:
        from assaymark.converting import write_report

        write_report(done, options["report"])
    _print(done)
    return OK


def _print(done: "Conversion") -> None:
    size = sum(tensor.size for tensor in done.plan.tensors)
    click.echo(f"{len(done.plan.tensors):,} tensors, {size:,} bytes, each read back with the digest of its source")
    click.echo(f"  from  {clean(done.source)}  sha256:{done.source_sha256}")
    click.echo(f"  to    {clean(done.destination)}  sha256:{done.destination_sha256}")
    for name, other in done.plan.tied[:_SHOWN]:
        what = "copied" if name in done.plan.digests else "dropped, noted in the metadata"
        click.echo(f"  tied  {clean(name, 200)} = {clean(other, 200)} ({what})")
    if done.left_count:
        click.echo(f"  left behind: {done.left_count:,} values that are no tensors")
    for name, what in done.left[:_SHOWN]:
        click.echo(f"    {clean(name, 200)}: {clean(what, 200)}")
    if done.left_count > _SHOWN:
        click.echo(f"    and {done.left_count - _SHOWN:,} more; --report lists them")


@command.command("learn")
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option("--out", metavar="FILE", help="Where to write the policy, or its signed form.")
@click.option("--source", metavar="DIR", help="Look at the Python source of the classes below this folder.")
@click.option("--sign", metavar="FILE", help="Sign a policy that was reviewed; needs --key.")
@click.option("--key", metavar="KEY", help="Private key: a file, or the name of one in the home.")
@click.pass_obj
def learn(obj: Mapping[str, Any], /, paths: tuple[str, ...], **options: Any) -> int:
    """Write an allow policy for classes of your own, from files that you trust; then sign it.

    \b
    assay model learn models/ --out allow.toml
    assay model learn --sign allow.toml --key release
    assay scan models/ --allow allow.toml.dsse --allow-key release
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    if options["sign"]:
        if paths or options["source"]:
            raise UsageError("--sign takes a policy and a key, no other files")
        if not options["key"]:
            raise UsageError("--sign needs --key", step="make a key with: assay key create NAME")
        return _sign(options["sign"], options["key"], options["out"] or f"{options['sign']}.dsse", obj["home"])
    if not paths or not options["out"]:
        raise UsageError("learn needs trusted files and --out", step="assay model learn PATH --out allow.toml")
    return _learn(paths, options["out"], options["source"])


def _sign(path: str, key: str, out: str, home: str | None) -> int:
    from assaymark.allowing import sign_allow

    policy = sign_allow(path, key, out, home)
    click.echo(
        f"signed {len(policy.globals):,} globals, reviewed by {clean(policy.reviewed_by)}, until {policy.expires}"
    )
    click.echo(f"  policy  {policy.digest}")
    click.echo(f"  use it  assay scan PATH --allow {out} --allow-key PUB")
    return OK


def _learn(paths: tuple[str, ...], out: str, source: str | None) -> int:
    from assaymark.learning import learn_policy

    learned = learn_policy(paths, out, source=source)
    click.echo(f"{learned.globals:,} globals that are not on the table, from {learned.files:,} files: {out}")
    for warning in learned.warnings[:_SHOWN]:
        click.echo(f"  {clean(warning)}")
    for path, why in learned.refused[:_SHOWN]:
        click.echo(f"  {clean(path)} would still be refused: {clean(why)}")
    click.echo("  next: review each line, fill in reviewed_by, reason and expires, then --sign it")
    return HOLD if learned.refused else OK


@command.command("weights")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--base", metavar="PATH", help="The model that this one was tuned from, to compare low bits with.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option(
    "-o", "--output", "outputs", multiple=True, metavar="FORMAT:FILE", help="Also write a report. Repeatable."
)
@click.option("--fail-on", metavar="SEVERITY", help="Deny from this severity on [default: high].")
@click.option("--no-config", is_flag=True, help="Use no settings file.")
@click.option(
    "--timeout", type=click.FloatRange(1), default=86_400.0, metavar="SECONDS", help="For each file [default: a day]."
)
@click.option("-v", "--verbose", is_flag=True, help="Print every tensor and every finding.")
def weights(paths: tuple[str, ...], **options: Any) -> int:
    """Read the values of all tensors: NaN, empty layers, hidden programs, archives, text and low bits.

    PATH: safetensors, GGUF, ONNX, PyTorch, npy, npz, HDF5, Keras, or folders of them. It reads every byte; code that
    a model brings is looked at by assay scan.

    Exit code: 0 allowed, 1 denied, 2 wrong usage, 3 held (not everything could be vouched for).
    """
    from assaymark.app import render, write
    from assaymark.faces.cli.progress import bar
    from assaymark.faces.cli.scan import FORMATS
    from assaymark.weighing import render as document
    from assaymark.weighing import weigh
    from assaymark.weighing import write as write_document

    outputs = [text.partition(":")[::2] for text in options["outputs"]]
    for form, path in outputs:
        if form not in FORMATS or not path:
            raise UsageError(f"--output {form}:{path} is not FORMAT:FILE", step=f"formats are {', '.join(FORMATS)}")
    with bar(enabled=sys.stderr.isatty()) as progress:
        weighed = weigh(
            *paths,
            base=options["base"],
            fail_on=options["fail_on"],
            config="" if options["no_config"] else None,
            seconds=options["timeout"],
            progress=progress,
        )
    if options["form"] == "json":
        click.echo(document(weighed), nl=False)
    else:
        _print_weights(weighed, verbose=options["verbose"])
        click.echo(render(weighed.report, "text", verbose=options["verbose"], color=False), nl=False)
    for form, path in outputs:
        if form == "json":
            write_document(weighed, path)
        else:
            write(weighed.report, form, path)
    return {"allow": OK, "deny": DENIED}.get(weighed.report.verdict.outcome.value, HOLD)


def _print_weights(weighed: "Weighed", *, verbose: bool) -> None:
    """The sums, and on demand a line for each tensor."""
    total = weighed.total()
    click.echo(f"{total['tensors']:,} tensors, {total['parameters']:,} parameters, {total['bytes']:,} bytes")
    click.echo(
        f"  NaN {total['nan']:,}   infinite {total['inf']:,}   zero {total['zeros']:,}   denormal {total['denormal']:,}"
        f"   constant tensors {total['constant']:,}   tied {total['tied']:,}"
    )
    if total["unread"]:
        click.echo(f"  {total['unread']:,} tensors of packed types: bytes and scales only")
    if weighed.base is not None:
        click.echo(f"  {total['compared']:,} compared with {clean(weighed.base)}")
    for path, found in weighed.stats.items() if verbose else ():
        click.echo(f"  {clean(path)}")
        for one in found:
            shape = "x".join(map(str, one.shape)) or "scalar"
            values = f"rms {one.rms:.3g}, at most {one.largest:.3g}" if one.valued else "packed"
            low = f", {one.low_zero} low bits zero" if one.low_zero else ""
            click.echo(f"    {clean(one.name, 200)}  {one.dtype} {shape}  {values}{low}")
    click.echo()
