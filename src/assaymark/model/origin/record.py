"""What a hub says of a repository and its owner, brought into one form that can be kept, hashed and compared.

Read from answers of the hub's API (`/api/models/<id>`, `/api/organizations/<name>/overview` or `/api/users/<name>/overview`,
commits, discussions). It is evidence of what was said at a time. It makes nothing trusted.
"""

import re
from collections.abc import Mapping
from typing import Any

from assaymark.core.clock import parse_timestamp
from assaymark.core.errors import Malformed
from assaymark.core.snapshot import Snapshot
from assaymark.core.strictjson import loads

SCHEMA, KIND = "assaymark/hub-snapshot/v1", "hub-model"
LIMIT = 64 << 20
_FILES, _COMMITS, _TALKS, _TAGS = 100_000, 1_000, 500, 500
_TEXT = 500
_STEP = "make one with: assay model origin snapshot hf://org/name -o FILE"


def content(answers: Mapping[str, Any]) -> dict[str, Any]:
    """One form of the answers: `model`, and where they are there `owner`, `commits`, `discussions`. Raises Malformed."""
    model = answers.get("model")
    if not isinstance(model, Mapping) or not isinstance(model.get("id", model.get("modelId")), str):
        raise Malformed("the hub's answer names no model", step=_STEP)
    given = model.get("cardData")
    card: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    name = _text(model.get("id", model.get("modelId")))
    weights = model.get("safetensors")
    return {
        "id": name,
        "author": _text(model.get("author")) or name.partition("/")[0],
        "uid": _text(model.get("gitalyUid") or model.get("_id")),
        "created": _text(model.get("createdAt")),
        "modified": _text(model.get("lastModified")),
        "commit": _text(model.get("sha")),
        "gated": model.get("gated") if isinstance(model.get("gated"), (bool, str)) else False,
        "disabled": model.get("disabled") is True,
        "downloads": _count(model.get("downloads")),
        "likes": _count(model.get("likes")),
        "library": _text(model.get("library_name")),
        "tags": sorted({_text(tag) for tag in _items(model.get("tags"), _TAGS)} - {""}),
        "license": sorted(_names(card.get("license"))) or _tagged(model.get("tags"), "license:"),
        "base_model": sorted(_names(card.get("base_model"))) or _tagged(model.get("tags"), "base_model:"),
        "parameters": _count(weights.get("total")) if isinstance(weights, Mapping) else None,
        "files": dict(filter(None, map(_file, _items(model.get("siblings"), _FILES)))),
        "owner": _owner(answers.get("owner")),
        "commits": [_commit(entry) for entry in _items(answers.get("commits"), _COMMITS) if isinstance(entry, Mapping)],
        "discussions": _talks(answers.get("discussions")),
    }  # fmt: skip


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """The document of a snapshot, with its digest."""
    return {
        "schema": SCHEMA, "kind": snapshot.kind, "of": snapshot.of, "at": snapshot.at,
        "digest": str(snapshot.digest), "content": snapshot.content,
    }  # fmt: skip


def read_snapshot(data: bytes, name: str) -> Snapshot:
    """A document of `to_json`, or a bundle of the hub's own answers with `at`. Raises Malformed where it is neither or was changed."""
    document = loads(data, name, limit=LIMIT, floats=True, step=_STEP)
    if not isinstance(document, dict):
        raise Malformed(f"{name} is no snapshot", step=_STEP)
    moment = document.get("at")
    try:
        parse_timestamp(str(moment))
    except (ValueError, OverflowError):
        raise Malformed(f"{name} does not say when it was made (`at`, RFC 3339)", step=_STEP) from None
    if "model" in document and "schema" not in document:
        made = content(document)
        return Snapshot(KIND, f"hf://{made['id']}", str(moment), made)
    if document.get("schema") != SCHEMA or document.get("kind") != KIND or not isinstance(document.get("of"), str):
        raise Malformed(f"{name} is no {SCHEMA}", step=_STEP)
    inner = document.get("content")
    if not isinstance(inner, dict) or not _is_content(inner):
        raise Malformed(f"{name}: its content has not the form of a snapshot", step=_STEP)
    snapshot = Snapshot(KIND, document["of"], str(moment), inner)
    if document.get("digest") != str(snapshot.digest):
        raise Malformed(f"{name} was changed after it was made: its digest is {snapshot.digest}", step=_STEP)
    return snapshot


_FORM: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("id", "author", "uid", "created", "modified", "commit", "library"), str),
    **dict.fromkeys(("tags", "license", "base_model", "commits"), list),
    **dict.fromkeys(("files", "owner", "discussions"), dict),
    "gated": (bool, str), "disabled": bool,
    **dict.fromkeys(("downloads", "likes", "parameters"), (int, type(None))),
}  # fmt: skip


def _is_content(inner: dict[str, Any]) -> bool:
    return (
        inner.keys() == _FORM.keys()
        and all(isinstance(inner[key], kind) for key, kind in _FORM.items())
        and all(
            isinstance(file, dict) and file.keys() == {"size", "digest"} and isinstance(file["digest"], str)
            for file in inner["files"].values()
        )
        and all(
            isinstance(c, dict) and c.keys() == {"id", "title", "date", "authors"} and isinstance(c["authors"], list)
            for c in inner["commits"]
        )
        and (not inner["owner"] or inner["owner"].keys() == _OWNER)
        and inner["discussions"].keys() == {"open", "titles"}
        and isinstance(inner["discussions"]["titles"], list)
        and all(isinstance(text, str) for key in ("tags", "license", "base_model") for text in inner[key])
        and all(isinstance(author, str) for commit in inner["commits"] for author in commit["authors"])
        and all(isinstance(title, str) for title in inner["discussions"]["titles"])
    )


_OWNER = {"name", "kind", "fullname", "verified", "created", "members", "models", "followers"}


def _owner(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    kind = _text(value.get("type")) or ("user" if "isPro" in value or "user" in value else "org")
    return {
        "name": _text(value.get("name") or value.get("user") or value.get("_id")),
        "kind": kind,
        "fullname": _text(value.get("fullname")),
        "verified": value.get("isVerified", value.get("isEnterprise")) is True,
        "created": _text(value.get("createdAt")),
        "members": _count(value.get("numUsers")),
        "models": _count(value.get("numModels")),
        "followers": _count(value.get("numFollowers")),
    }


def _file(entry: Any) -> tuple[str, dict[str, Any]] | None:
    """A file by path; of large ones the hub knows sha256, of small ones git's digest."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("rfilename", entry.get("path")), str):
        return None
    lfs = entry.get("lfs")
    digest = lfs.get("sha256", lfs.get("oid")) if isinstance(lfs, Mapping) else None
    size = lfs.get("size", entry.get("size")) if isinstance(lfs, Mapping) else entry.get("size")
    if isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest):
        known = f"sha256:{digest}"
    else:
        blob = _text(entry.get("blobId", entry.get("oid")))
        known = f"git:{blob}" if blob else ""
    return str(entry.get("rfilename", entry.get("path")))[:4096], {"size": _count(size), "digest": known}


def _commit(entry: Mapping[str, Any]) -> dict[str, Any]:
    authors = (
        _text(a.get("user", a.get("name"))) if isinstance(a, Mapping) else _text(a)
        for a in _items(entry.get("authors"), 50)
    )
    return {
        "id": _text(entry.get("id")), "title": _text(entry.get("title"))[:200], "date": _text(entry.get("date")),
        "authors": sorted({author for author in authors if author}),
    }  # fmt: skip


def _talks(value: Any) -> dict[str, Any]:
    entries = _items(value.get("discussions") if isinstance(value, Mapping) else value, _TALKS)
    found = [entry for entry in entries if isinstance(entry, Mapping)]
    return {
        "open": sum(entry.get("status") == "open" for entry in found),
        "titles": sorted({_text(entry.get("title"))[:200] for entry in found} - {""}),
    }


def _items(value: Any, most: int) -> list[Any]:
    return value[:most] if isinstance(value, list) else []


def _names(value: Any) -> set[str]:
    return {_text(item) for item in (value[:100] if isinstance(value, list) else [value])} - {""}


def _tagged(tags: Any, lead: str) -> list[str]:
    """Of `base_model:finetune:org/name` the last part."""
    return sorted({_text(tag).rpartition(":")[2] for tag in _items(tags, _TAGS) if _text(tag).startswith(lead)})


def _text(value: Any) -> str:
    return value[:_TEXT] if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 53 else None
