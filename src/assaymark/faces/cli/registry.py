"""`assay registry`: models, their versions and channels; in the home, or on a server."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from assaymark.core.look import clean
from assaymark.faces.cli import DENIED, HOLD, OK

if TYPE_CHECKING:
    from assaymark.registering import At

_F = TypeVar("_F", bound=Callable[..., Any])
_LARGEST = 32 << 20
"""Bytes of a document: of evidence that names every file."""


def place(decorated: _F) -> _F:
    """The options that say which registry."""
    what = "A server [default: the registry of the home]. Its token: ASSAY_TOKEN."
    return place_here(click.option("--server", envvar="ASSAY_SERVER", metavar="URL", help=what)(decorated))


def place_here(decorated: _F) -> _F:
    """The options that say where the registry of the home has its things."""
    for name, variable, what in (
        ("--database", "ASSAY_DATABASE", "Records of the home's registry [default: SQLite]."),
        ("--store", "ASSAY_STORE", "Blobs of the home's registry: a folder, s3://, gs:// or az://."),
    ):
        decorated = click.option(name, envvar=variable, metavar="URL", help=what)(decorated)
    return decorated


@contextmanager
def opened(obj: Mapping[str, Any], options: dict[str, Any]) -> Iterator["At"]:
    """The registry that `place` names; takes its options out of the others."""
    from assaymark import registering

    server, database, store = (options.pop(name) for name in ("server", "database", "store"))
    with registering.opened(obj["home"], server, database=database, store=store) as at:
        yield at


def signer(obj: Mapping[str, Any], name: str) -> Any:
    """A private key of the user's."""
    from assaymark.signing import private_key

    return private_key(name, obj["home"])


def read_file(path: str) -> bytes:
    """A small file that the user named."""
    with open(path, "rb") as file:
        return file.read(_LARGEST)


def tell(found: Mapping[str, Any]) -> None:
    """A short answer, a line for each field."""
    width = max(map(len, found))
    for name, value in found.items():
        click.echo(f"{name:<{width}}  {clean(str(value))}")


@click.group("registry")
def command() -> None:
    """Publish, approve, promote and stop models."""


@command.command("init")
@click.option("--origin", metavar="NAME", help="Name of the log, as registry.example/log [default: a random one].")
@click.pass_obj
def init(obj: Mapping[str, Any], origin: str | None) -> None:
    """Make the registry of the home, and the server's own keys: of its log, its statements and its scanner."""
    from assaymark.registrar import Registrar

    tell(Registrar.create(obj["home"], origin))


@command.command("info")
@click.pass_obj
def info(obj: Mapping[str, Any]) -> None:
    """What a trust root needs to know of this registry: its log and its public keys."""
    from assaymark.registrar import Registrar

    tell(Registrar.describe(obj["home"]))


@command.command("witness")
@click.argument("name")
@click.argument("url")
@click.pass_obj
def witness(obj: Mapping[str, Any], name: str, url: str) -> None:
    """Say where the witness NAME of the trust root is reached. A server has to be started again after it."""
    from assaymark.registry_home import set_witness

    set_witness(obj["home"], name, url)


@command.command("trust")
@click.argument("root", type=click.Path(exists=True, dir_okay=False))
@place
@click.pass_obj
def trust(obj: Mapping[str, Any], /, root: str, **options: Any) -> None:
    """Install ROOT, the first trust root or the next one."""
    with opened(obj, options) as at, open(root, "rb") as file:
        tell(at.install_root(file.read(4 << 20)))


@command.command("policy")
@click.argument("policy", type=click.Path(exists=True, dir_okay=False))
@place
@click.pass_obj
def policy(obj: Mapping[str, Any], /, policy: str, **options: Any) -> None:
    """Keep POLICY; it is in force where the trust root names its digest."""
    from assaymark.core.strictjson import loads

    with opened(obj, options) as at, open(policy, "rb") as file:
        tell(at.add_policy(loads(file.read(1 << 20), policy)))


@command.command("create")
@click.argument("name")
@click.option("--quota", type=click.IntRange(min=0), metavar="BYTES", help="What a project may hold.")
@click.option("--card", type=click.Path(exists=True, dir_okay=False), help="Model card in Markdown.")
@place
@click.pass_obj
def create(obj: Mapping[str, Any], /, name: str, quota: int | None, card: str | None, **options: Any) -> None:
    """Make a project NAME, or a model PROJECT/MODEL. Names are given once."""
    text = ""
    if card:
        with open(card, encoding="utf-8") as file:
            text = file.read(200_000)
    with opened(obj, options) as at:
        tell(at.create(name, quota=quota, card=text))


@command.command("list")
@click.argument("text", default="")
@place
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def search(obj: Mapping[str, Any], /, text: str, *, as_json: bool, **options: Any) -> None:
    """Models whose name holds TEXT."""
    found: list[dict[str, Any]] = []
    with opened(obj, options) as at:
        while page := at.search(text, after=found[-1]["id"] if found else 0):
            found.extend(page)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for model in found:
        click.echo(clean(model["model"]))


@command.command("show")
@click.argument("name")
@place
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def show(obj: Mapping[str, Any], /, name: str, *, as_json: bool, **options: Any) -> None:
    """A model PROJECT/MODEL with its channels and versions, or a version PROJECT/MODEL@VERSION."""
    with opened(obj, options) as at:
        found = at.show(name)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif "@" in name:
        _show_version(found)
    else:
        _show_model(found)


def _show_model(found: Mapping[str, Any]) -> None:
    click.echo(f"model     {clean(found['model'])}")
    for channel in found["channels"]:
        review = "  (break-glass: review due)" if channel["review_due"] else ""
        stands = "" if channel["standing"] == "active" else f"  ({channel['standing']})"
        click.echo(f"channel   {channel['channel']}: {channel['version']} {channel['state']}{stands}{review}")
    for version in found["versions"]:
        click.echo(f"version   {version['version']}  {version['state']}  {version['digest'] or ''}")


def _show_version(found: Mapping[str, Any]) -> None:
    for name in ("version", "state", "digest", "size", "files", "publisher", "made_at"):
        click.echo(f"{name:<10}{clean(str(found[name]))}")
    for said in found["statements"]:
        click.echo(f"said      {said['at']}  {clean(said['type'])}  {said['digest']}")
    for gap in found["graph_gaps"]:
        click.echo(f"gap       the graph lacks {clean(gap['document'])}: {clean(gap['why'])}")
    for asked in found["requests"]:
        click.echo(f"request   {asked['request']}  {asked['channel']}  {asked['state']}")


@command.command("publish")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.argument("version")
@click.option("--as", "publisher", required=True, metavar="PERSON", help="Who publishes, as the trust root knows him.")
@click.option("--key", required=True, metavar="KEY", help="His private key.")
@click.option("--wait", default=600.0, show_default=True, metavar="SECONDS", help="For the server's scan.")
@place
@click.pass_obj
def publish(obj: Mapping[str, Any], /, folder: str, version: str, publisher: str, key: str, **options: Any) -> int:
    """Store FOLDER as PROJECT/MODEL@VERSION, seal it, and have it scanned. Its bytes never change after that."""
    from assaymark import registering

    private, wait = signer(obj, key), options.pop("wait")
    with opened(obj, options) as at:
        done = registering.publish(at, version, folder, publisher, private, wait=wait)
    tell(done)
    if done["state"] == "rejected":
        click.echo(f"next: see why with: assay scan {folder}", err=True)
    return {"verified": OK, "rejected": DENIED}.get(done["state"], HOLD)


@command.command("seal")
@click.argument("version")
@click.option("--as", "publisher", required=True, metavar="PERSON", help="Who publishes, as the trust root knows him.")
@click.option("--key", required=True, metavar="KEY", help="His private key.")
@click.option("--folder", type=click.Path(exists=True, file_okay=False), help="Refuse unless it holds just this.")
@click.option("--digest", metavar="DIGEST", help="Refuse unless its digest is this one.")
@place
@click.pass_obj
def seal(obj: Mapping[str, Any], /, version: str, publisher: str, key: str, **options: Any) -> int:
    """Publish a draft that another client uploaded (Hugging Face, MLflow, OCI). Its bytes never change after that."""
    from assaymark import registering

    private, meant = signer(obj, key), {name: options.pop(name) for name in ("folder", "digest")}
    with opened(obj, options) as at:
        done = registering.seal_draft(at, version, publisher, private, **meant)
    tell(done)
    return {"verified": OK, "rejected": DENIED}.get(done["state"], HOLD)


@command.command("pull")
@click.argument("model")
@click.option("--channel", required=True, help="As production.")
@click.option("--into", "folder", required=True, type=click.Path(exists=False), help="A new folder.")
@place
@click.pass_obj
def pull(obj: Mapping[str, Any], /, model: str, channel: str, folder: str, **options: Any) -> None:
    """Fetch what stands in a channel of PROJECT/MODEL, and its bundle. Verify it before you load it."""
    from assaymark import registering

    with opened(obj, options) as at:
        made = registering.pull(at, model, channel, folder)
    bundle = f"{folder.rstrip('/')}.bundle"
    tell({"files": len(made.manifest.files), "digest": made.manifest.digest, "folder": folder, "bundle": bundle})
    click.echo(f"next: assay verify {folder} --bundle {bundle} --root ROOT.json --channel {model}:{channel}", err=True)


@command.command("bundle")
@click.argument("model")
@click.option("--channel", required=True, help="As production.")
@click.option("--output", "-o", required=True, type=click.Path(dir_okay=False), help="Where to write it.")
@place
@click.pass_obj
def bundle(obj: Mapping[str, Any], /, model: str, channel: str, output: str, **options: Any) -> None:
    """Write a fresh bundle of a channel: what a host verifies with, offline."""
    with opened(obj, options) as at:
        data = at.bundle(model, channel).to_bytes()
    with open(output, "wb") as file:
        file.write(data)


def _add_the_rest() -> None:
    """Commands of other files; they use the helpers above."""
    from assaymark.faces.cli import registry_deployments, registry_promotions, registry_upkeep, registry_webhooks

    registry_promotions.add_to(command)
    registry_upkeep.add_to(command)
    registry_deployments.add_to(command)
    command.add_command(registry_webhooks.webhook)


_add_the_rest()
