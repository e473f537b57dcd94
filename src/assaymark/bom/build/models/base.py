"""What a model was made from: every place that names a base, what kind of derivation it was, and the base itself."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.models import gguf as models_gguf
from assaymark.bom.build.models import identity as models_identity
from assaymark.bom.build.models.card import Card, mappings, text, texts
from assaymark.bom.build.models.config import Config
from assaymark.bom.build.models.find import Group
from assaymark.bom.build.models.folder import value
from assaymark.bom.build.models.header import Header
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.core.source.yaml_tree import Node, documents

RELATIONS = frozenset({"finetune", "adapter", "quantized", "merge", "conversion"})
_LINK = re.compile(r"\[([^\]]{1,200})\]\((https?://[^)\s]{1,300})\)")
_LOCAL = re.compile(r"[.~/\\]|[A-Za-z]:[\\/]|.*\\|(?:.*/)?(?:checkpoint-\d+|outputs?|results?|runs?)(?:/|$)|.*/.*/")
"""How paths of somebody's machine look; a hub has `name` or `owner/name`."""
_YAML = 1 << 20
_CLAIMS = 100


@dataclass(frozen=True, slots=True)
class Claim:
    """One place that names a base."""

    name: str
    status: Status
    place: Place
    revision: str = ""
    how: str = ""
    label: str = ""
    """What it is called beside its address."""


@dataclass(slots=True)
class Known:
    """The models that are here: by folder or file, and by the repository that they were fetched from."""

    by_path: dict[str, str] = field(default_factory=dict)
    by_name: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Subject:
    """A model and all that speaks of it."""

    group: Group
    sketch: Sketch
    card: Card | None
    config: Config | None
    adapter: Config | None
    primary: list[Header]
    own: set[str]
    """Names of its own, folded."""


def claims(sight: Sight, subject: Subject) -> list[Claim]:
    """Every base that is named, the surest first."""
    found = [*_adapter(subject), *_card(subject), *_merged(sight, subject), *_gguf(subject)]
    if not found:
        found = [*_bullet(subject), *_origin(subject)]
    return found[:_CLAIMS]


def _card(subject: Subject) -> Iterator[Claim]:
    card = subject.card
    if card is None:
        return
    relation = text(card.node("base_model_relation"))
    named = texts(card.node("base_model"))
    for name, node in named:
        how = relation if relation in RELATIONS else "merge" if len(named) > 1 and not relation else ""
        yield Claim(models_gguf.hub_name(name) or name, Status.DECLARED, Place(card.path, card.at(node)), how=how)


def _adapter(subject: Subject) -> Iterator[Claim]:
    config = subject.adapter
    if config is not None and config.text("base_model_name_or_path"):
        place = config.place("base_model_name_or_path")
        how = "adapter" if _adapts(subject) else ""
        yield Claim(config.text("base_model_name_or_path"), Status.DECLARED, place, config.text("revision"), how)


def _adapts(subject: Subject) -> bool:
    """Its weights are an adapter's, or not here at all; whole weights beside an adapter's settings are no adapter."""
    if any(header.is_adapter for header in subject.primary):
        return True
    names = [path.rpartition("/")[2] for path in subject.group.files]
    return not names or all(name.startswith("adapter") for name in names)


def _gguf(subject: Subject) -> Iterator[Claim]:
    for path, header in sorted(subject.group.files.items()):
        if header.format == "gguf":
            how = "quantized" if models_gguf.is_packed(header) else "conversion"
            for origin in models_gguf.origins(header.metadata, "base_model"):
                yield Claim(origin.name, Status.DECLARED, Place(path, origin.key), origin.version, how, origin.label)
            return


def _merged(sight: Sight, subject: Subject) -> Iterator[Claim]:
    for base in ("mergekit_config.yml", "mergekit_config.yaml"):
        path = subject.group.folder + base
        if path not in sight.tree.files or not subject.group.anchored:
            continue
        try:
            root = next(documents(sight.tree.read(path, _YAML).decode("utf-8", "replace")), None)
        except AssayError:
            return
        for node in _parents(root):
            yield from _parent(node, path)


def _parents(root: Node | None) -> Iterator[Node]:
    """The places of mergekit's configuration that name a model."""
    if root is None or root.kind != "mapping":
        return
    for key in ("models", "experts"):
        for entry in mappings(root.get(key)):
            yield from filter(None, (entry.get("model"), entry.get("source_model")))
    for piece in mappings(root.get("slices")):
        for source in mappings(piece.get("sources")):
            yield from filter(None, (source.get("model"),))
    yield from filter(None, (root.get("base_model"),))


def _parent(node: Node, path: str) -> Iterator[Claim]:
    """`name@revision+lora`, or the same as a mapping."""
    if node.kind == "mapping":
        inner = node.get("model") or node
        written = text(inner if inner.kind == "scalar" else inner.get("path"))
        revision = text(inner.get("revision")) if inner.kind == "mapping" else ""
    else:
        written, revision = text(node), ""
    for part in written.split("+")[:2]:
        name, _, after = part.strip().partition("@")
        if name:
            yield Claim(name, Status.DECLARED, Place(path, f"line {node.line}"), after or revision, "merge")


def _bullet(subject: Subject) -> Iterator[Claim]:
    card = subject.card
    for key in ("finetuned from model", "base model"):
        if card is not None and key in card.bullets:
            written, line = card.bullets[key]
            match = _LINK.search(written)
            name = (models_gguf.hub_name(match[2]) or match[1]) if match else written.strip("`* ")
            if models_identity.is_hub_name(name):
                yield Claim(name, Status.DECLARED, Place(card.path, f"line {line}"))


def _origin(subject: Subject) -> Iterator[Claim]:
    """`_name_or_path` is what the configuration was loaded from: a base, the model itself, or a path of a machine."""
    config = subject.config
    name = config.text("_name_or_path") if config is not None else ""
    if config is None or not name or folded(name) in subject.own:
        return
    yield Claim(name, Status.INFERRED, config.place("_name_or_path"))


def folded(name: str) -> str:
    """The last part of a name without what people write differently."""
    return re.sub(r"[^a-z0-9]", "", name.rstrip("/").rpartition("/")[2].lower())


def relate(sight: Sight, draft: Draft, subject: Subject, known: Known) -> None:
    """Relations to the bases that are named."""
    found = claims(sight, subject)
    quantised = "quantization" in subject.sketch.facts
    default = (
        "adapter"
        if subject.primary and all(h.is_adapter for h in subject.primary)
        else "quantized"
        if quantised
        else "finetune"
    )
    stated = {claim.name: claim.how for claim in reversed(found) if claim.how}
    pinned = {claim.name: claim.revision for claim in reversed(found) if claim.revision}
    for claim in found:
        claim = replace(claim, revision=claim.revision or pinned.get(claim.name, ""))  # noqa: PLW2901 - one that is pinned once is the same
        base = _resolved(sight, draft, subject, claim, known)
        if base is None:
            continue
        if base == subject.sketch.ref or base == value(subject.sketch, "purl"):
            draft.gap(
                subject.sketch, "base", f"{claim.place.path} names the model itself as its base: {claim.name[:200]}",
                f"write what it was made from to base_model in {claim.place.path}, or take the entry out",
            )  # fmt: skip
            continue
        how = claim.how or stated.get(claim.name) or default
        draft.relate(subject.sketch, EdgeKind.DESCENDANT_OF, base, claim.status, claim.place, how=how)


def _resolved(sight: Sight, draft: Draft, subject: Subject, claim: Claim, known: Known) -> str | None:
    """The ref of the base: a model that is here, a folder beside, or a component of its own for the name."""
    folder = subject.group.folder
    for lead in dict.fromkeys((folder, "")):
        path = posixpath.normpath(posixpath.join(lead, claim.name)) if not claim.name.startswith(("/", "~")) else ""
        if path and path in known.by_path:
            return known.by_path[path]
    name = claim.name.rstrip("/")
    if name.lower() in known.by_name:
        return known.by_name[name.lower()]
    if _LOCAL.match(name) and (claim.status is Status.INFERRED or not models_identity.is_hub_name(name)):
        return _path(sight, draft, subject, claim, name)
    if folded(name) in subject.own and claim.status is Status.INFERRED:
        return None
    purl = models_identity.purl(name, claim.revision if re.fullmatch(r"[0-9a-f]{40}", claim.revision) else "")
    sketch = draft.component(NodeKind.MODEL, purl or f"model:{name}")
    sketch.say("name", name[:300], claim.status, claim.place)
    if claim.revision and claim.revision != "main":
        sketch.say("version", claim.revision[:100], claim.status, claim.place)
    sketch.say("purl", purl, claim.status, claim.place)
    return sketch.ref


def _path(sight: Sight, draft: Draft, subject: Subject, claim: Claim, name: str) -> str | None:
    """A base that is a path: the folder beside the one that was looked at, or one of a machine that is not here."""
    inside = posixpath.normpath(posixpath.join(subject.group.folder, name))
    if claim.status is Status.INFERRED and not inside.startswith("../"):
        return None
    last = re.split(r"[\\/]", name.rstrip("\\/"))[-1] or "base"
    sketch = draft.component(NodeKind.MODEL, f"model:{inside if inside.startswith('../') else name}")
    sketch.say("name", last[:200], claim.status, claim.place)
    beside = getattr(sight.tree, "beside", None)
    found = beside(inside[3:]) if beside is not None and inside.startswith("../") else None
    if found is None:
        draft.gap(sketch, "digest", f"{claim.place.path} names a path that is not below what was looked at: {name[:200]}",
                  "run assay bom build on a folder that holds both, or name the base by its repository and commit")  # fmt: skip
        return sketch.ref
    digest, count, size = found
    place = Place(inside)
    sketch.say("manifest", digest, Status.OBSERVED, place)
    sketch.say("files", count, Status.OBSERVED, place)
    sketch.say("size", size, Status.OBSERVED, place)
    sketch.say("path", inside, Status.OBSERVED, place)
    return sketch.ref
