"""`assay registry`, the part for whoever runs it: scrub, gc, quota, backup, restore, jobs, work, fsck."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from assaymark.core.look import clean
from assaymark.faces.cli import DENIED, HOLD, OK
from assaymark.faces.cli.registry import place_here, tell

if TYPE_CHECKING:
    from assaymark.tending import Keeping


def add_to(group: click.Group) -> None:
    """Put the commands below the group."""
    for one in (scrub, collect, quota, backup, restore, jobs, work, fsck):
        group.add_command(one)


@contextmanager
def _tended(obj: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator["Keeping"]:
    from assaymark import tending

    with tending.tended(obj["home"], options["database"], options["store"]) as keeping:
        yield keeping


@click.command("scrub")
@click.option("--after", default="", metavar="SHA256", help="Go on after this blob.")
@click.option("--bytes", "most", type=click.IntRange(min=1), metavar="BYTES", help="Stop when so much was read.")
@place_here
@click.pass_obj
def scrub(obj: Mapping[str, Any], /, after: str, most: int | None, **options: Any) -> int:
    """Read and hash what is stored; put away what is damaged. Exit 1 when something is."""
    count = 0

    def told(_read: int, damage: Any) -> None:
        nonlocal count
        if damage is not None:
            count += 1
            where = "in quarantine now" if damage.moved else "left where it is"
            click.echo(f"damaged  {damage.sha256}  {clean(damage.problem)}; {where}")

    with _tended(obj, options) as keeping:
        done = keeping.scrub(after, most, told)
    tell({"blobs": done.blobs, "bytes": done.bytes, "damaged": count, "after": done.after or "(came to the end)"})
    return DENIED if count else OK


@click.command("gc")
@click.option("--grace", default=24, show_default=True, type=click.IntRange(min=1), help="Hours; younger blobs stay.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@place_here
@click.pass_obj
def collect(obj: Mapping[str, Any], /, grace: int, *, dry_run: bool, **options: Any) -> None:
    """Let go of the bytes of versions whose time is over, and free blobs that nothing refers to."""
    with _tended(obj, options) as keeping:
        done = keeping.collect(timedelta(hours=grace), dry_run=dry_run)
    for name in done.versions:
        click.echo(f"{'would let go' if dry_run else 'let go'}  {name}")
    swept = done.swept
    said = {"freed": swept.freed, "bytes": swept.bytes, "kept": swept.marked, "young": swept.young}
    tell({**said, "leased": swept.leased})


@click.command("quota")
@click.argument("project")
@click.option("--set", "limit", type=click.IntRange(min=0), metavar="BYTES", help="What it may hold from now on.")
@click.option("--none", "unlimited", is_flag=True, help="It may hold what there is room for.")
@place_here
@click.pass_obj
def quota(obj: Mapping[str, Any], /, project: str, limit: int | None, *, unlimited: bool, **options: Any) -> None:
    """What PROJECT holds and may hold, in bytes."""
    with _tended(obj, options) as keeping:
        if unlimited or limit is not None:
            keeping.set_quota(project, None if unlimited else limit)
        now = keeping.quota(project)
    tell({"project": now.project, "used": now.used, "quota": "none" if now.quota is None else now.quota})


@click.command("backup")
@click.argument("target", type=click.Path(file_okay=False))
@click.option("--dump", type=click.Path(exists=True, dir_okay=False), help="Made by pg_dump, if that it is.")
@place_here
@click.pass_obj
def backup(obj: Mapping[str, Any], /, target: str, dump: str | None, **options: Any) -> None:
    """Back the registry up below TARGET while it runs. Note the digest elsewhere; keys are not in a backup."""
    with _tended(obj, options) as keeping:
        done = keeping.backup(target, dump or "")
    tell(
        {"backup": done.folder, "digest": done.digest, "blobs": done.blobs, "copied": done.copied, "bytes": done.bytes}
    )


@click.command("restore")
@click.argument("backup", type=click.Path(exists=True, file_okay=False))
@click.option("--digest", metavar="SHA256", help="What was noted when the backup was made.")
@click.option("--origin", metavar="NAME", help="Name of the log; needed with a dump of PostgreSQL.")
@click.pass_obj
def restore(obj: Mapping[str, Any], backup: str, digest: str | None, origin: str | None) -> None:
    """Restore BACKUP as the registry of a home that has the server's keys, and no registry."""
    from assaymark import tending

    done = tending.restore(obj["home"], backup, digest, origin)
    tell({"from": done.at, "files": done.files, "blobs": done.blobs, "bytes": done.bytes})
    click.echo("next: assay registry fsck; then see docs/registry-operations.md, Restore", err=True)


@click.command("jobs")
@click.option("--retry", "again", metavar="JOB", help="The number of a failed job, or `all`.")
@place_here
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def jobs(obj: Mapping[str, Any], /, again: str | None, *, as_json: bool, **options: Any) -> None:
    """Jobs that are not done; have failed ones done again."""
    with _tended(obj, options) as keeping:
        if again is not None:
            if again != "all" and not again.isdecimal():
                raise click.BadParameter(f"{again} is no number of a job", param_hint="--retry")
            keeping.retry(None if again == "all" else int(again))
        found = keeping.jobs()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for job in found:
        line = f"{job['job']}  {job['kind']}  {job['version']}  {job['state']}  {clean(job['error'])}"
        click.echo(line.rstrip())


@click.command("work")
@place_here
@click.pass_obj
def work(obj: Mapping[str, Any], /, **options: Any) -> None:
    """Do every job that waits, and end."""
    from assaymark import tending

    tell({"done": tending.work(obj["home"], options["database"], options["store"])})


@click.command("fsck")
@place_here
@click.pass_obj
def fsck(obj: Mapping[str, Any], /, **options: Any) -> int:
    """Hold blobs, records, signatures and the ledger against each other. Changes nothing; exit 3 when something is wrong."""
    with _tended(obj, options) as keeping:
        found = keeping.check()
    for problem in found:
        click.echo(clean(problem))
    click.echo(f"{len(found)} problems", err=True)
    return HOLD if found else OK
