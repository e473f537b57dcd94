"""`assay policy`: what a channel asks for, and what is still missing."""

import click

from assaymark.core.look import clean
from assaymark.core.verdict import Outcome
from assaymark.faces.cli import DENIED, HOLD, OK

_WORDS = {Outcome.ALLOW: "met", Outcome.DENY: "denies", Outcome.HOLD: "missing"}
_EXIT = {Outcome.ALLOW: OK, Outcome.DENY: DENIED, Outcome.HOLD: HOLD}
_ROOT = click.option("--root", required=True, metavar="FILE", help="Trust root, which says who has which role.")
_VERSION = click.option("--version", "version", required=True, metavar="PROJECT/MODEL@VERSION")
_DIGEST = click.option("--digest", required=True, help="Of its manifest: assaymark-manifest-v1:…")
_ACTION = click.option("--action", default="promote", show_default=True, help="promote or break-glass.")


@click.group("policy")
def command() -> None:
    """Show a channel's policy, and hold evidence against it.

    POLICY is a file, or one that ships: production, staging, production-1.
    """


@command.command("show")
@click.argument("policy")
@click.option("--json", "as_json", is_flag=True, help="Print the document, to change it and name it in the trust root.")
def show(policy: str, *, as_json: bool) -> None:
    """Print what each action asks for."""
    from assaymark.policies import read_policy, text
    from assaymark.registry.explain import describe

    read = read_policy(policy)
    if as_json:
        click.echo(text(read))
        return
    click.echo(f"{read.name}, version {read.version}, {read.digest}")
    click.echo(f"findings of {read.fail_on.word} and above deny")
    for action, needs in sorted(read.actions.items(), reverse=True):
        click.echo(f"{clean(action)}:")
        for need in needs:
            click.echo(f"  {clean(describe(need))}")
    if read.break_glass:
        click.echo(f"break-glass stands for at most {read.break_glass}")


@command.command("test")
@click.argument("policy")
@click.argument("evidence", nargs=-1)
@_ROOT
@_VERSION
@_DIGEST
@_ACTION
def test(policy: str, evidence: tuple[str, ...], root: str, version: str, digest: str, action: str) -> int:
    """Say whether signed EVIDENCE files are enough. Exit 0, 1 or 3 for allow, deny or hold."""
    from assaymark.core.clock import SystemClock
    from assaymark.policies import judge, read_policy

    judged = judge(read_policy(policy), action, root, version, digest, evidence, SystemClock().now())
    click.echo(f"{judged.verdict.outcome}: {action} {version}")
    for reason in judged.verdict.reasons:
        click.echo(f"  {reason.outcome}  {clean(reason.code)}: {clean(reason.message)}")
    return _EXIT[judged.verdict.outcome]


@command.command("explain")
@click.argument("policy")
@click.argument("evidence", nargs=-1)
@_ROOT
@_VERSION
@_DIGEST
@_ACTION
def explain(policy: str, evidence: tuple[str, ...], root: str, version: str, digest: str, action: str) -> int:
    """Say of each requirement whether it is met, and which command makes what is missing."""
    from assaymark.core.clock import SystemClock
    from assaymark.policies import judge, read_policy

    judged = judge(read_policy(policy), action, root, version, digest, evidence, SystemClock().now())
    for need in judged.needs:
        click.echo(f"{_WORDS[need.outcome]:8} {clean(need.what)}")
        for reason in need.reasons:
            click.echo(f"         {clean(reason)}")
        if need.command:
            click.echo(f"         next: {clean(need.command)}")
    for name in judged.unsigned:
        click.echo(f"{clean(name)}: nobody of the trust root signed it, so it counts for nothing", err=True)
    return _EXIT[judged.verdict.outcome]
