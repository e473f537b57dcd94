"""Snapshots of environments in the folder: what was seen where the model was made or run, laid into a draft."""

from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.environment import LIMIT, Device, Distribution, Environment, is_environment, read
from assaymark.bom.build.infra.lay import image as lay_image
from assaymark.bom.build.infra.lay import runtime
from assaymark.bom.build.libraries_lay import conda, directly, environment, joined, library, owner, unread
from assaymark.bom.document import Bom, Place, Status
from assaymark.core.errors import AssayError, OverBudget
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.infra.image import image_name

_HEAD = 4_096


def gather(sight: Sight, draft: Draft) -> None:
    """Lay every snapshot of the folder."""
    for path in sorted(sight.tree.files):
        if not path.lower().endswith(".json") or not is_environment(path, sight.tree.start(path, _HEAD)):
            continue
        sketch = environment(sight, draft, path, "snapshot")
        try:
            if sight.tree.files[path].size > LIMIT:
                raise OverBudget(f"{path} is longer than the {LIMIT >> 20} MiB that are looked at")
            lay(draft, sketch, read(sight.tree.read(path, LIMIT), path), path, owner(draft, path))
        except AssayError as error:
            unread(draft, sketch, "environment", error)


def as_bom(seen: Environment, name: str) -> Bom:
    """A snapshot alone, as a BOM: so two snapshots are compared as a BOM and a snapshot are."""
    draft = Draft()
    root = draft.component(NodeKind.FILE, f"file:{name}")
    root.say("name", name, Status.OBSERVED, Place(name))
    draft.subject = root.ref
    sketch = draft.component(NodeKind.ENVIRONMENT, f"environment:{name}")
    sketch.say("name", name, Status.OBSERVED, Place(name))
    draft.relate(root, EdgeKind.DEPENDS_ON, sketch, Status.OBSERVED, Place(name))
    lay(draft, sketch, seen, name, root.ref)
    return draft.finished(())


def lay(draft: Draft, sketch: Sketch, seen: Environment, path: str, above: str) -> None:
    """One snapshot: its libraries are in `sketch`, all else is what `above` ran on."""
    place = Place(path)
    for number, found in enumerate(seen.distributions):
        _library(draft, sketch, found, Place(path, f"/distributions/{number}"))
    startup = [{"path": name, "sha256": digest} for name, digest in seen.startup]
    sketch.say("startup", startup, Status.OBSERVED, Place(path, "/startup"))
    sketch.say("settings", dict(seen.settings), Status.OBSERVED, Place(path, "/settings"))
    hosts = [
        runtime(draft, name, version, Status.OBSERVED, Place(path, f"/accelerator/{name}"))
        for name, version in sorted(seen.accelerator.items())
    ]
    if seen.python.get("version"):
        name = seen.python.get("implementation", "Python")
        made = runtime(draft, name.lower(), seen.python["version"], Status.OBSERVED, Place(path, "/python"), title=name)
        made.say("build", seen.python.get("build"), Status.OBSERVED, Place(path, "/python"))
        hosts.append(made)
    hosts += _platform(draft, seen, path)
    hosts += (_device(draft, device, Place(path, f"/devices/{n}")) for n, device in enumerate(seen.devices))
    for name, version in sorted(seen.drivers.items()):
        made = draft.component(NodeKind.DRIVER, f"driver:{name}@{version}")
        made.say("name", name, Status.OBSERVED, place)
        made.say("version", version, Status.OBSERVED, place)
        hosts.append(made)
    if seen.image.get("digest"):
        written = f"{seen.image.get('reference', '').partition('@')[0] or 'image'}@{seen.image['digest']}"
        hosts.append(lay_image(draft, image_name(written), written, Status.OBSERVED, Place(path, "/image")))
    for host in hosts:
        if above:
            draft.relate(above, EdgeKind.RUNS_ON, host, Status.OBSERVED, place)
    for what, why in seen.gaps[:100]:
        draft.gap(sketch, what or "environment", why, "")


def _library(draft: Draft, sketch: Sketch, found: Distribution, place: Place) -> None:
    if found.manager == "conda":
        made = conda(draft, found.name, found.version, place, Status.OBSERVED, build=found.build)
    else:
        made = library(draft, "pypi", found.name, found.version, place, Status.OBSERVED)
    if found.direct:
        directly(made, Status.OBSERVED, place, direct=True)
    made.say("record_sha256", found.record.removeprefix("sha256:"), Status.OBSERVED, place)
    made.say("download", found.url, Status.OBSERVED, place)
    made.say("revision", found.revision, Status.OBSERVED, place)
    joined(made, "digests", found.digests, Status.OBSERVED, place)
    if found.changed or found.missing:
        why = f"{len(found.changed)} files differ from RECORD and {len(found.missing)} are missing"
        draft.gap(made, "record", why, "make the environment anew from its lock")
    draft.relate(sketch, EdgeKind.CONTAINS, made, Status.OBSERVED, place, how="direct" if found.direct else "")


def _platform(draft: Draft, seen: Environment, path: str) -> list[Sketch]:
    system = seen.platform
    name = system.get("os_name") or system.get("system")
    if not name:
        return []
    place = Place(path, "/platform")
    version = system.get("os_version") or system.get("release", "")
    made = draft.component(NodeKind.PLATFORM, f"platform:{system.get('os_id') or name}@{version}")
    made.say("name", name, Status.OBSERVED, place)
    made.say("version", version, Status.OBSERVED, place)
    for key in ("kernel", "machine", "libc", "cpu"):
        made.say(key, system.get(key), Status.OBSERVED, place)
    return [made]


def _device(draft: Draft, device: Device, place: Place) -> Sketch:
    made = draft.component(NodeKind.DEVICE, f"device:{device.uuid or device.name or 'unknown'}")
    made.say("name", device.name, Status.OBSERVED, place)
    made.say("vendor", device.vendor, Status.OBSERVED, place)
    made.say("uuid", device.uuid, Status.OBSERVED, place)
    made.say("firmware", device.firmware, Status.OBSERVED, place)
    made.say("memory", device.memory, Status.OBSERVED, place)
    return made
