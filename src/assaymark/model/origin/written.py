"""The document of an examination for people: text, and Markdown in which texts of strangers format nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assaymark.core.look import clean
from assaymark.core.snapshot import ABSENT, Change

_SIGNS = {"verified": "ok", "contradicted": "NO", "unverifiable": "?"}
_SHOWN = 12
_LAYERS = 40
_VALUE = 200


def text(document: Mapping[str, Any], *, verbose: bool = False) -> str:
    """Contradictions first, with where each stands; then base, creator, history, documentation, incidents."""
    return "\n".join([*_text(document, verbose=verbose), "", ""])


def _text(document: Mapping[str, Any], *, verbose: bool) -> Iterator[str]:
    counts = document["summary"]
    subject = document.get("subject", {})
    yield clean(f"origin of {subject.get('name', 'a model')}  {subject.get('digest') or 'no digest'}", 400)
    yield ", ".join(f"{counts[word]:,} {word}" for word in _SIGNS)
    for one in document["model"][: None if verbose else 5]:
        dtypes = ", ".join(f"{name} {count:,}" for name, count in list(one["dtypes"].items())[:4])
        yield clean(
            f"  {one['format']}: {one['file_count']:,} files, {one['tensors']:,} tensors, {one['parameters']:,} values ({dtypes})",
            300,
        )
    yield ""
    yield from _claims(document["claims"], verbose=verbose)
    if document["base"]:
        yield from _base(document["base"], verbose=verbose)
    if document["creator"]:
        yield from _creator(document["creator"])
    yield from _listed(
        "history", [(s["severity"], f"{s['what']}: {s['message']}") for s in document["history"]], verbose=verbose
    )
    yield from _listed(
        "incidents",
        [
            (i["match"], f"{i['id']} ({i['severity']}) on the {i['about']}: {i['summary']}")
            for i in document["incidents"]
        ],
        verbose=verbose,
    )
    yield from _listed("signatures, read and not verified", [(s["kind"], f"{s['path']} key {s['identity'] or s['key'] or s['certificate'] or 'unknown'}"
                       + (f", differs: {', '.join(s['differs'][:3])}" if s["differs"] else "")) for s in document["signatures"]], verbose=verbose)  # fmt: skip
    yield from _listed(
        "documentation",
        [(s["state"], s["what"] + (f": {s['lacks']}" if s["lacks"] else "")) for s in document["documentation"]],
        verbose=True,
    )
    yield from _listed("unread", [("", f"{u['path']}: {u['why']}") for u in document["unread"]], verbose=verbose)


def _claims(claims: Sequence[Mapping[str, Any]], *, verbose: bool) -> Iterator[str]:
    yield "claims"
    hidden = 0
    for number, claim in enumerate(claims):
        if claim["result"] != "contradicted" and number >= 4 * _SHOWN and not verbose:
            hidden += 1
            continue
        line = f"  {_SIGNS[claim['result']]:3} {claim['about']}: {claim['says']}"
        if claim["result"] != "verified" or claim["found"] != claim["says"]:
            line += f" -> {claim['found']}"
        yield clean(line, 300)
        if claim["by"]:
            against = f"; against {_place(claim['against'][0])}" if claim["against"] else ""
            yield clean(f"      {_place(claim['by'][0])}{against}", 300)
        if claim["note"] and (claim["result"] != "verified" or verbose):
            yield clean(f"      {claim['note']}", 300)
    if hidden:
        yield f"  and {hidden:,} more; -v shows them"
    if not claims:
        yield "  none were found"


def _place(place: Mapping[str, str]) -> str:
    return f"{place['path']} ({place['at']})" if place["at"] else place["path"]


def _base(base: Mapping[str, Any], *, verbose: bool) -> Iterator[str]:
    yield "base"
    shares = ", ".join(f"{share:.1%} {word}" for word, share in base["shares"].items())
    yield clean(f"  {base['relation']} of {base['base']}: {base['why']}", 400)
    yield f"  of {base['elements']:,} values {shares}; {base['new_count']:,} tensors are new, {base['dropped']:,} of the base are not here"
    for layer in base["layers"][: None if verbose else _SHOWN]:
        cosine = (
            f"  cosine {layer['cosine']:.4f}  difference {layer['difference']:.4f}"
            if layer["cosine"] is not None
            else ""
        )
        counts = "  ".join(f"{word} {layer[word]:,}" for word in ("identical", "close", "different") if layer[word])
        yield clean(f"    {layer['layer']}  {counts}{cosine}", 300)
    if not verbose and len(base["layers"]) > _SHOWN:
        yield f"    and {len(base['layers']) - _SHOWN:,} more layers; -v shows them"


def _creator(creator: Mapping[str, Any]) -> Iterator[str]:
    yield "creator, as the hub says; it lowers no finding"
    owner = creator["owner"]
    kind = f" ({owner['kind']} since {owner['created'] or 'unknown'})" if owner else ""
    yield clean(
        f"  {creator['id']} by {creator['author']}{kind}, commit {creator['commit'][:12]}, seen {creator['at']}", 300
    )
    for line in creator["weigh"]:
        yield clean(f"  weigh: {line}", 300)


def _listed(title: str, rows: Sequence[tuple[str, str]], *, verbose: bool) -> Iterator[str]:
    if not rows:
        return
    yield title
    for word, line in rows if verbose else rows[:_SHOWN]:
        yield clean(f"  {word:8} {line}", 400)
    if not verbose and len(rows) > _SHOWN:
        yield f"  and {len(rows) - _SHOWN:,} more; -v shows them"


def markdown(document: Mapping[str, Any]) -> str:
    """Tables of claims and of the base's layers."""
    rows = [
        f"## Origin of {_code(document.get('subject', {}).get('name', 'a model'))}",
        "",
        "| Result | Claim | Says | Found | Where |",
        "|---|---|---|---|---|",
    ]
    for claim in document["claims"][:200]:
        where = _code(_place(claim["by"][0])) if claim["by"] else ""
        rows.append(
            f"| {claim['result']} | {_code(claim['about'])} | {_code(claim['says'])} | {_code(claim['found'])} | {where} |"
        )
    base = document["base"]
    if base:
        rows += ["", f"**Base**: {_code(base['relation'])} of {_code(base['base'])}, {_code(base['why'])}", "",
                 "| Layer | Identical | Close | Different | Cosine |", "|---|--:|--:|--:|--:|"]  # fmt: skip
        for layer in base["layers"][:_LAYERS]:
            cosine = "" if layer["cosine"] is None else f"{layer['cosine']:.4f}"
            rows.append(
                f"| {_code(layer['layer'])} | {layer['identical']:,} | {layer['close']:,} | {layer['different']:,} | {cosine} |"
            )
    rows += ["", "| Documentation | State |", "|---|---|"]
    rows += [f"| {_code(section['what'])} | {section['state']} |" for section in document["documentation"]]
    return "\n".join([*rows, "", ""])


def _code(value: object) -> str:
    return "`" + clean(str(value), _VALUE).replace("`", "'").replace("|", "¦").replace("\n", " ") + "`"


def change_to_json(change: Change) -> dict[str, Any]:
    """A change of a snapshot; what was not there, or is not any more, is left out."""
    sides = {"before": change.before, "after": change.after}
    return {"pointer": change.pointer, **{word: _small(value) for word, value in sides.items() if value is not ABSENT}}


def _small(value: Any) -> Any:
    if isinstance(value, str):
        return value[:_VALUE]
    return (
        value if value is None or isinstance(value, (int, float, bool)) else f"{type(value).__name__} of {len(value):,}"
    )


def diff_text(document: Mapping[str, Any]) -> str:
    """What changed, worst first."""
    found = document["findings"]
    lines = [clean(f"{document['of']}: {document['from']['at']} -> {document['to']['at']}", 300)]
    lines += [clean(f"  {shift['severity']:8} {shift['what']}: {shift['message']}", 400) for shift in found]
    lines += [] if found else ["  nothing that matters changed"]
    lines.append(f"  {len(document['changes']):,} values changed in all; --format json lists them")
    return "\n".join(lines) + "\n"
