"""`assay admission`: what a Kubernetes cluster asks before it makes a pod, and the snapshot that it works from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from assaymark.core.errors import UsageError
from assaymark.core.look import clean
from assaymark.faces.cli import HOLD, OK

if TYPE_CHECKING:
    from assaymark.admitting import Snapshot, Synced
    from assaymark.faces.http.admission_rules import Rules


@click.group("admission")
def command() -> None:
    """Let only approved models into the pods of a Kubernetes cluster."""


@command.command("sync")
@click.option(
    "--server", envvar="ASSAY_SERVER", required=True, metavar="URL", help="The registry; its token: ASSAY_TOKEN."
)
@click.option("--into", required=True, metavar="DIR", help="The snapshot.")
@click.option("--model", "models", multiple=True, required=True, metavar="PROJECT/MODEL:CHANNEL", help="Repeatable.")
@click.option(
    "--root", metavar="FILE", help="Refuse what does not verify under this trust root, and keep what is there."
)
@click.option("--state", metavar="FILE", help="What was seen [default: verified.json in the home].")
@click.pass_obj
def sync(
    obj: Mapping[str, Any], /, server: str, into: str, models: tuple[str, ...], root: str | None, state: str | None
) -> int:
    """Fetch the bundles of channels. The server is not trusted: whoever reads the snapshot verifies it."""
    from assaymark.admitting import sync as fetch
    from assaymark.client import Client

    snapshot = _snapshot(obj, into, root, state) if root else None
    with Client(server) as client:
        done = fetch(client, into, models, snapshot)
    for one in done:
        click.echo(f"{one.state:<8} {one.channel}  {clean(one.reason)}".rstrip())
    return HOLD if any(one.state == "kept" for one in done) else OK


@command.command("serve")
@click.option("--root", required=True, metavar="FILE", help="Trust root that this cluster was given, by another way.")
@click.option("--snapshot", required=True, metavar="DIR", help="Bundles: assay admission sync.")
@click.option(
    "--state", metavar="FILE", help="What was seen; has to outlive this process [default: verified.json in the home]."
)
@click.option("--listen", default="127.0.0.1:8443", show_default=True, metavar="HOST:PORT")
@click.option("--tls-cert", required=True, metavar="FILE", help="Certificate chain in PEM.")
@click.option("--tls-key", required=True, metavar="FILE", help="Its private key in PEM.")
@click.option("--server", envvar="ASSAY_SERVER", metavar="URL", help="Keep the snapshot fresh from this registry.")
@click.option("--model", "models", multiple=True, metavar="PROJECT/MODEL:CHANNEL", help="With --server. Repeatable.")
@click.option(
    "--refresh", type=click.FloatRange(5, 86_400), default=60.0, show_default=True, metavar="SECONDS",
    help="Between two looks at the registry: so long a quarantine takes.",
)  # fmt: skip
@click.option("--protect", multiple=True, metavar="NAMESPACE", help="Only these [default: all but kube-system].")
@click.option("--exempt", multiple=True, metavar="NAMESPACE", help="Not this one. Repeatable.")
@click.option(
    "--tenant", multiple=True, metavar="NAMESPACE=PROJECT[/MODEL],...",
    help="What a namespace may load; with one, others may load nothing. Repeatable.",
)  # fmt: skip
@click.option(
    "--unannotated",
    type=click.Choice(("deny", "allow")),
    default="deny",
    show_default=True,
    help="Pods that name no model.",
)
@click.option("--image", required=True, metavar="IMAGE", help="Of the init container: assay, best by digest.")
@click.option(
    "--pull-from", default="", metavar="URL", help="Registry that init containers fetch from [default: --server]."
)
@click.option("--claim", default="", metavar="NAME", help="Volume claim with the models, instead.")
@click.option("--mount", default="/mnt/assay", show_default=True, metavar="PATH", help="Where containers find models.")
@click.pass_obj
def serve(obj: Mapping[str, Any], /, **options: Any) -> None:
    """Answer the API server's reviews at /mutate and /validate, from the snapshot, until stopped."""
    from contextlib import ExitStack

    from assaymark.admitting import Refresher
    from assaymark.admitting import sync as fetch
    from assaymark.faces.http.admission import create_admission
    from assaymark.faces.http.server import Listen, Server
    from assaymark.faces.http.shell import to_stderr

    if bool(options["server"]) != bool(options["models"]):
        raise UsageError(
            "--server and --model go together", step="name what to fetch, or run assay admission sync yourself"
        )
    snapshot = _snapshot(obj, options["snapshot"], options["root"], options["state"])
    app = create_admission(_rules(options), snapshot.resolve, to_stderr, ages=snapshot.ages)
    server = Server(app, Listen.parse(options["listen"], certificate=options["tls_cert"], key=options["tls_key"]))
    with ExitStack() as stack:
        if options["server"]:
            from assaymark.client import Client

            client = stack.enter_context(Client(options["server"]))
            stack.enter_context(Refresher(
                lambda: fetch(client, options["snapshot"], options["models"], snapshot), options["refresh"], _say
            ))  # fmt: skip
        host, port = server.address
        click.echo(
            f"serving  https://{f'[{host}]' if ':' in host else host}:{port}/mutate and /validate  (stop with Ctrl-C)"
        )
        server.run()


@command.command("load")
@click.argument("model", metavar="PROJECT/MODEL:CHANNEL")
@click.option("--digest", required=True, metavar="DIGEST", help="What it has to be.")
@click.option("--root", required=True, metavar="FILE", help="Trust root.")
@click.option("--into", required=True, metavar="DIR", help="Where it is put, readable by everybody.")
@click.option("--from", "folder", default="", metavar="DIR", help="Its files, with the bundle beside them.")
@click.option("--server", default="", metavar="URL", help="Or the registry to fetch it from; its token: ASSAY_TOKEN.")
@click.option("--scratch", default="", metavar="DIR", help="With --server: where to fetch it to.")
def load(model: str, digest: str, root: str, into: str, **sources: str) -> None:
    """What the init container runs: fetch a model, prove that it is the one that was admitted, put it in place."""
    from assaymark.admitting import load as put

    verified = put(model, digest, root, into, **sources)
    click.echo(f"verified {verified.subject.name} {verified.subject.digest}, approved by {', '.join(verified.people)}")


def _snapshot(obj: Mapping[str, Any], folder: str, root: str, state: str | None) -> "Snapshot":
    from assaymark.admitting import Snapshot, read_root
    from assaymark.verifying import state_in

    return Snapshot(folder, read_root(root), state or state_in(obj["home"]))


def _rules(options: Mapping[str, Any]) -> "Rules":
    from assaymark.faces.http.admission_pods import Init
    from assaymark.faces.http.admission_rules import Rules

    if options["protect"] and options["exempt"]:
        raise UsageError("--protect lists what is protected, so nothing is left to --exempt", step="leave out one")
    source = options["pull_from"] or options["server"] or ""
    if bool(source) == bool(options["claim"]):
        raise UsageError(
            "init containers fetch from a registry, or from a volume claim", step="--pull-from URL or --claim NAME"
        )
    tenants: dict[str, frozenset[str]] = {}
    for text in options["tenant"]:
        namespace, equals, projects = text.partition("=")
        if not equals or not namespace:
            raise UsageError(f"{text[:100]!r} says no namespace and projects", step="--tenant shop=fraud,vision/cat")
        tenants[namespace] = frozenset(filter(None, projects.split(","))) | tenants.get(namespace, frozenset())
    return Rules(
        protected=frozenset(options["protect"]) or None, exempt=frozenset({"kube-system", *options["exempt"]}),
        unannotated=options["unannotated"], tenants=tenants,
        init=Init(options["image"], "" if options["claim"] else source, options["claim"], mount=options["mount"].rstrip("/")),
    )  # fmt: skip


def _say(done: "Synced") -> None:
    click.echo(f"assay: snapshot: {done.state} {done.channel}: {clean(done.reason)}", err=True)
