"""`assay registry`, the part by which people decide: request, approve, deny, promote, and stop."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from assaymark.core.look import clean
from assaymark.faces.cli import DENIED, OK
from assaymark.faces.cli import registry_containment as containment
from assaymark.faces.cli.registry import opened, place, read_file, signer, tell

if TYPE_CHECKING:
    from assaymark.registry.review import Reviewed


def add_to(group: click.Group) -> None:
    """Put the commands below the group."""
    for one in (
        attest,
        evidence,
        request,
        requests,
        approve,
        deny,
        promote,
        withdraw,
        review,
        quarantine,
        lift,
        containment.listing,
        *_BY_HAND,
    ):
        group.add_command(one)


_as = click.option("--as", "person", required=True, metavar="PERSON", help="Who signs, as the trust root knows him.")
_key = click.option("--key", required=True, metavar="KEY", help="His private key.")


@click.command("attest")
@click.argument("version")
@click.argument("evidence", type=click.Path(exists=True, dir_okay=False))
@place
@click.pass_obj
def attest(obj: Mapping[str, Any], /, version: str, evidence: str, **options: Any) -> int:
    """Hand in EVIDENCE about VERSION, such as a scan in CI by a key of its own: `assay scan MODEL --evidence FILE --key KEY`."""
    from assaymark import registering

    with opened(obj, options) as at:
        done = registering.attest(at, version, read_file(evidence))
    tell(done)
    return DENIED if done["state"] == "rejected" else OK


@click.command("evidence")
@click.argument("version")
@click.argument("digest")
@click.option("--predicate", is_flag=True, help="What it says alone, such as a bill of materials by itself, unsigned.")
@click.option("--output", "-o", "out", type=click.Path(dir_okay=False), help="Where to write it [default: stdout].")
@place
@click.pass_obj
def evidence(
    obj: Mapping[str, Any], /, version: str, digest: str, out: str | None, *, predicate: bool, **options: Any
) -> None:
    """Fetch what was said about VERSION, by its DIGEST in `assay registry show`, in its envelope."""
    from assaymark import registering

    with opened(obj, options) as at:
        found = registering.said(at, version, digest, predicate=predicate)
    text = json.dumps(found, indent=2, ensure_ascii=False)
    if out is None:
        click.echo(text)
        return
    with open(out, "w", encoding="utf-8") as file:
        file.write(text + "\n")


@click.command("request")
@click.argument("version")
@click.option("--channel", required=True, help="As production.")
@_as
@_key
@click.option("--reason", default="", help="Why; break-glass needs one.")
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 30), help="How long it stays open.")
@click.option("--break-glass", "emergency", is_flag=True, help="An emergency, by the policy's own rules.")
@place
@click.pass_obj
def request(obj: Mapping[str, Any], /, version: str, channel: str, person: str, key: str, **options: Any) -> None:
    """Ask that VERSION become the one of a channel."""
    from assaymark import registering

    private = signer(obj, key)
    said = {name: options.pop(name) for name in ("reason", "days", "emergency")}
    with opened(obj, options) as at:
        tell(registering.request(at, version, channel, person, private, **said))


@click.command("requests")
@click.argument("nonce", required=False)
@click.option("--state", help="Only those that are open, approved, active …")
@place
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def requests(obj: Mapping[str, Any], /, nonce: str | None, state: str | None, *, as_json: bool, **options: Any) -> None:
    """List requests; or show one: what it asks for, who decided, and what is missing."""
    with opened(obj, options) as at:
        found = at.request_of(nonce) if nonce else at.requests(state=state)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif isinstance(found, dict):
        _show(found)
    else:
        for one in found:
            click.echo(f"{one['request']}  {one['state']:<10}  {clean(one['version'])} -> {one['channel']}")


def _show(found: Mapping[str, Any]) -> None:
    asked = found["asked"]
    for name in ("version", "channel", "state", "digest"):
        click.echo(f"{name:<10}{clean(str(found[name]))}")
    click.echo(f"asked by  {clean(asked['requester'])} at {asked['at']}, open until {asked['expires']}")
    for said in found["decisions"]:
        if "approver" in said:
            click.echo(f"{said['decision']:<10}{clean(said['approver'])} at {said['at']}  {clean(said['reason'])}")
    click.echo(f"verdict   {found['verdict']['outcome']}")
    for reason in found["verdict"]["reasons"]:
        click.echo(f"  {reason['outcome']:<6}  {clean(reason['message'])}")


def _decision(name: str, about: str, *, deny: bool) -> click.Command:
    @click.command(name, help=about)
    @click.argument("nonce")
    @_as
    @_key
    @click.option(
        "--root", required=True, metavar="FILE", help="Your own copy of the trust root: it is what you check by."
    )
    @click.option("--version", default="", metavar="VERSION", help="Sign for this PROJECT/MODEL@VERSION only.")
    @click.option("--channel", default="", metavar="NAME", help="Sign for this channel only.")
    @click.option("--digest", default="", help="Sign for these bytes only: what your own copy or scan says.")
    @click.option(
        "--evidence", multiple=True, type=click.Path(exists=True, dir_okay=False),
        help="Evidence that you hold yourself and that must not have been left out. Repeatable.",
    )  # fmt: skip
    @click.option("--yes", is_flag=True, help="Do not ask on the terminal.")
    @click.option("--reason", default="", help="Why.")
    @click.option("--valid-days", default=180, show_default=True, type=click.IntRange(1, 730), help="It bears loads.")
    @place
    @click.pass_obj
    def decision(obj: Mapping[str, Any], /, nonce: str, person: str, key: str, **options: Any) -> None:
        from assaymark import registering

        private = signer(obj, key)
        said = {name: options.pop(name) for name in ("reason", "valid_days")}
        trusted = registering.read_root(options.pop("root"))
        known = {what: options.pop(what) for what in ("version", "channel", "digest")}
        held = tuple(map(read_file, options.pop("evidence")))
        ask = sys.stdin.isatty() and not options.pop("yes")
        options.pop("yes", None)
        own = registering.Own(trusted, **known, evidence=held, confirm=_confirm(name, ask=ask))
        with opened(obj, options) as at:
            tell(registering.decide(at, nonce, person, private, own=own, deny=deny, **said))

    return decision


def _confirm(word: str, *, ask: bool) -> "Callable[[Reviewed], None]":
    """Show what is about to be signed; on a terminal, ask."""

    def confirm(seen: "Reviewed") -> None:
        asked = seen.request
        click.echo(f"{clean(seen.subject.name)} -> {asked.channel}, counter {asked.counter}", err=True)
        click.echo(f"digest    {seen.subject.digest}", err=True)
        click.echo(f"sealed by {clean(asked.publisher)}, asked by {clean(asked.requester)} at {asked.at}", err=True)
        if asked.break_glass:
            click.echo("BREAK-GLASS: by the policy's rules for emergencies", err=True)
        if asked.reason:
            click.echo(f"reason    {clean(asked.reason)}", err=True)
        for item in seen.evidence:
            at = item.statement.made_at
            when = f" of {at}" if at else ""
            click.echo(f"evidence  {clean(item.statement.predicate_type)}{when}  {item.digest}", err=True)
        if ask:
            click.confirm(f"{word} this?", abort=True, err=True)

    return confirm


approve = _decision(
    "approve",
    "Approve a request with your own key, after its signatures and the policy were checked on your side.",
    deny=False,
)
deny = _decision("deny", "Deny a request, with your own key.", deny=True)


@click.command("promote")
@click.argument("nonce")
@place
@click.pass_obj
def promote(obj: Mapping[str, Any], /, nonce: str, **options: Any) -> None:
    """Move the channel of an approved request."""
    with opened(obj, options) as at:
        tell(at.activate(nonce))


@click.command("withdraw")
@click.argument("nonce")
@click.option("--reason", default="", help="Why.")
@place
@click.pass_obj
def withdraw(obj: Mapping[str, Any], /, nonce: str, reason: str, **options: Any) -> None:
    """Void a request, or take back what it made active."""
    with opened(obj, options) as at:
        tell(at.withdraw(nonce, reason))


@click.command("review")
@click.argument("model")
@click.argument("channel")
@click.option("--conclusion", required=True, help="What came of it.")
@place
@click.pass_obj
def review(obj: Mapping[str, Any], /, model: str, channel: str, conclusion: str, **options: Any) -> None:
    """End the review that a break-glass promotion forces."""
    with opened(obj, options) as at:
        tell(at.review(model, channel, conclusion))


@click.command("quarantine")
@click.argument("version", required=False)
@click.option(
    "--affected-by", metavar="WHAT", help="Everything that comes from it, as pkg:pypi/torch@<2.6 or an advisory."
)
@click.option("--project", "scope", multiple=True, metavar="PROJECT[/MODEL]", help="With --affected-by: there alone.")
@click.option(
    "--partial", is_flag=True, help="With --affected-by: what came meanwhile is held, and does not refuse all."
)
@click.option("--yes", is_flag=True, help="With --affected-by: do not ask.")
@_as
@_key
@click.option("--reason", required=True, help="Why.")
@place
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def quarantine(
    obj: Mapping[str, Any], /, version: str | None, person: str, key: str, reason: str, *, as_json: bool, **options: Any
) -> None:
    """Stop VERSION at once, wherever it stands; or everything that is affected. Takes one security person."""
    from assaymark import registering

    what, more = options.pop("affected_by"), {name: options.pop(name) for name in ("scope", "partial")}
    confirm = containment.confirmed("quarantine", yes=options.pop("yes"))
    containment.one_of(version, what, "VERSION", "--affected-by")
    private = signer(obj, key)
    with opened(obj, options) as at:
        if version:
            done = registering.quarantine(at, version, person, private, reason)
        else:
            done = registering.contain(at, str(what), person, private, reason, confirm=confirm, **more)
    containment.tell_done(done, as_json=as_json)


@click.command("lift")
@click.argument("version", required=False)
@click.option("--containment", "number", metavar="ID", help="All that a containment stopped.")
@click.option("--yes", is_flag=True, help="With --containment: do not ask.")
@_as
@_key
@click.option("--reason", required=True, help="Why.")
@place
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def lift(
    obj: Mapping[str, Any], /, version: str | None, person: str, key: str, reason: str, *, as_json: bool, **options: Any
) -> None:
    """Say that the quarantine of VERSION, or a whole containment, need not stand. Two security people end it."""
    from assaymark import registering

    number, confirm = options.pop("number"), containment.confirmed("lift", yes=options.pop("yes"))
    containment.one_of(version, number, "VERSION", "--containment")
    private = signer(obj, key)
    with opened(obj, options) as at:
        if version:
            done = registering.lift(at, version, person, private, reason)
        else:
            done = registering.lift_containment(at, str(number), person, private, reason, confirm=confirm)
    containment.tell_done(done, as_json=as_json)


def _by_hand(act: str, about: str) -> click.Command:
    @click.command(act, help=about)
    @click.argument("version")
    @click.option("--reason", default="", help="Why.")
    @place
    @click.pass_obj
    def change(obj: Mapping[str, Any], /, version: str, reason: str, **options: Any) -> None:
        with opened(obj, options) as at:
            tell(at.set_state(version, act, reason))

    return change


_BY_HAND = (
    _by_hand("deprecate", "VERSION can still be loaded, but should not be used anew."),
    _by_hand("revoke", "VERSION is never loaded again."),
    _by_hand("delete", "Leave a tombstone of VERSION. Its bytes go later (`gc`), unless something living needs them."),
)
