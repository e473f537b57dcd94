"""`assay serve`: the registry's server, all of it in one command."""

from collections.abc import Mapping
from typing import Any

import click


@click.command("serve")
@click.option(
    "--listen", default="127.0.0.1:8470", show_default=True, metavar="HOST:PORT", help="Where; port 0 takes a free one."
)
@click.option("--database", envvar="ASSAY_DATABASE", metavar="URL", help="Records [default: SQLite in the home].")
@click.option("--store", envvar="ASSAY_STORE", metavar="URL", help="Blobs: a folder, s3://, gs:// or az://.")
@click.option("--name", "names", multiple=True, metavar="HOST", help="A name that clients call it by. Repeatable.")
@click.option("--tls-cert", metavar="FILE", help="Certificate chain in PEM.")
@click.option("--tls-key", metavar="FILE", help="Its private key in PEM.")
@click.option(
    "--insecure-behind-proxy", is_flag=True, help="Plain HTTP beyond this machine: a proxy speaks TLS for it."
)
@click.option("--oidc", metavar="FILE", help="Whose OIDC tokens are taken (TOML); see docs/access.md.")
@click.option("--open-metrics", is_flag=True, help="/metrics without a token, from this machine alone.")
@click.option("--quiet", "-q", is_flag=True, help="No access log.")
@click.pass_obj
def command(obj: Mapping[str, Any], /, **options: Any) -> None:
    """Serve the registry of the home, until stopped. Makes one where there is none.

    Bound to this machine alone unless --listen says otherwise, which TLS or a proxy has to make safe.
    """
    from assaymark.faces.http.lean import lean

    lean()
    from assaymark.faces.http.server import Listen, Server

    listen = Listen.parse(
        options["listen"], certificate=options["tls_cert"], key=options["tls_key"],
        behind_proxy=options["insecure_behind_proxy"],
    )  # fmt: skip
    listen.check()
    from assaymark.faces.http.app import create_app
    from assaymark.faces.http.services import LOOPBACK, Services, silent
    from assaymark.faces.http.shell import to_stderr
    from assaymark.serving import has_admin, keeper, ledger_files, oidc, registry, sequencer

    with registry(obj["home"], options["database"], options["store"]) as registrar:
        services = Services(
            registrar.database, registrar.clock, oidc(options["oidc"]), ledger_files(registrar), registrar,
            hosts=LOOPBACK | {listen.host} | {name.lower() for name in options["names"]},
            behind_proxy=listen.behind_proxy, metrics_open=options["open_metrics"],
            log=silent if options["quiet"] else to_stderr,
        )  # fmt: skip
        server = Server(create_app(services), listen)
        scheme = "https" if listen.certificate else "http"
        host, port = server.address
        click.echo(f"serving  {scheme}://{f'[{host}]' if ':' in host else host}:{port}  (stop with Ctrl-C)")
        if not has_admin(registrar):
            click.echo("nobody can log in yet; in another shell, with the same home and database:")
            click.echo("  assay user add NAME --role admin")
            click.echo("  assay token create NAME")
        with sequencer(registrar), keeper(registrar, obj["home"], options["database"], options["store"]):
            server.run()
