"""Claims that the user brings: a JSON object of what a model has to be. Here a claim that nothing bears out holds the verdict."""

import re
from collections.abc import Mapping
from typing import Any

from assaymark.core.errors import Malformed, UsageError
from assaymark.core.finding import Severity
from assaymark.core.strictjson import loads
from assaymark.model.origin.claims import Claim, Place, Result
from assaymark.model.origin.model import Model
from assaymark.model.origin.shape import DTYPES, observed
from assaymark.model.origin.sizes import Stated, counted, labels

LIMIT = 8 << 20
_STEP = '{"parameters": "7B", "dtype": "bf16", "layers": 32, "files": {"model.safetensors": "sha256:…"}}'
_WORDS = {
    "layers": "layers", "hidden_size": "hidden size", "vocabulary_size": "vocabulary", "context_length": "context length",
    "architecture": "architecture", "license": "licence", "base_model": "base model",
}  # fmt: skip
_OWN = frozenset({"parameters", "dtype", "files", "quantization", *_WORDS})


def read_claims(data: bytes, name: str) -> dict[str, Any]:
    """The object; raises Malformed, UsageError for a claim that is not known."""
    document = loads(data, name, limit=LIMIT, floats=True, step=_STEP)
    if not isinstance(document, dict):
        raise Malformed(f"{name} is no object of claims", step=_STEP)
    strange = sorted(document.keys() - _OWN)
    if strange:
        raise UsageError(
            f"{name}: {strange[0]!r} is no claim that can be checked", step=f"known are {', '.join(sorted(_OWN))}"
        )
    return document


def check(model: Model, asked: Mapping[str, Any], name: str) -> None:
    """Enter them. It comes last: what the folder's own claims found out serves here too."""
    known = list(model.ledger.claims)
    for key, value in asked.items():
        place = Place(name, key)
        if key == "parameters":
            _parameters(model, value, place)
        elif key == "dtype":
            _dtype(model, str(value), place)
        elif key == "files":
            _files(model, value, place)
        elif key == "quantization":
            _like(model, known, "quantisation", value, place)
        else:
            _like(model, known, _WORDS[key], value, place)


def _parameters(model: Model, value: Any, place: Place) -> None:
    mains = [one for one in model.main if not one.is_adapter]
    counts = [counted(one, model.config(f"{one.folder}config.json"))[0] for one in mains]
    total = sum(count for count in counts if count is not None) if counts and None not in counts else None
    if type(value) is int:
        stated = [Stated(str(value), value, value, place, rounded=False, firm=True)]
    else:
        stated = list(labels(str(value), place, firm=True))
    if not stated:
        raise UsageError(f"{place}: {value!r} is no number of parameters", step=_STEP)
    against = [Place(file) for one in mains for file in one.files[:3]]
    if total is None:
        model.ledger.say(
            "parameters", value, "unknown", Result.UNVERIFIABLE, (place,), against, Severity.HIGH, asked=True
        )
    else:
        model.ledger.match(
            "parameters", value, total, place, against, Severity.HIGH, asked=True, same=stated[0].fits(total)
        )


def _dtype(model: Model, value: str, place: Place) -> None:
    wanted = DTYPES.get(value.lower().removeprefix("torch."), value.upper())
    mains = [one for one in model.main if one.tensors]
    found = mains[0].dtypes() if mains else {}
    against = [Place(file) for one in mains for file in one.files[:3]]
    if not found:
        model.ledger.say("dtype", value, "unknown", Result.UNVERIFIABLE, (place,), against, Severity.HIGH, asked=True)
        return
    first = next(iter(found))
    model.ledger.match("dtype", value, first, place, against, Severity.HIGH, asked=True, same=first == wanted)


def _files(model: Model, value: Any, place: Place) -> None:
    if not isinstance(value, dict) or not all(isinstance(digest, str) for digest in value.values()):
        raise UsageError(f"{place}: files is no object of digests", step=_STEP)
    for path, digest in list(value.items())[:10_000]:
        text = digest.lower().removeprefix("sha256:")
        if not re.fullmatch(r"[0-9a-f]{64}", text):
            raise UsageError(f"{place}: {digest[:80]!r} is no sha256", step=_STEP)
        actual, at = model.sha256.get(path), Place(place.path, f"files.{path}")
        if actual is None:
            absent = path not in model.tree.files
            result = Result.CONTRADICTED if absent else Result.UNVERIFIABLE
            found = "there is no such file" if absent else "not read whole"
            model.ledger.say(f"digest of {path}", f"sha256:{text}", found, result, (at,), (), Severity.HIGH, asked=True)
        else:
            model.ledger.match(
                f"digest of {path}", f"sha256:{text}", f"sha256:{actual}", at, [Place(path)], Severity.HIGH, asked=True
            )


def _like(model: Model, known: list[Claim], about: str, value: Any, place: Place) -> None:
    """The same thing as the folder says it: what was found for that serves here."""
    for claim in known:
        if claim.about != about or claim.result is Result.UNVERIFIABLE:
            continue
        told = claim.says.split(" (")[0] if about == "architecture" else claim.says
        actual = claim.found if claim.result is Result.CONTRADICTED else told
        if about == "base model" and claim.says.lower() != str(value).lower():
            continue
        same = _spelled(value) == actual.lower() and (
            claim.result is Result.VERIFIED or about not in {"architecture", "base model"}
        )
        model.ledger.match(about, value, actual, place, claim.against, Severity.HIGH, asked=True, same=same)
        return
    seen = observed(model).get(about)
    if seen is not None:
        model.ledger.match(about, value, seen[0], place, [seen[1]], Severity.HIGH, asked=True)
        return
    model.ledger.say(
        about,
        value,
        "unknown",
        Result.UNVERIFIABLE,
        (place,),
        (),
        Severity.HIGH,
        "nothing at hand tells it",
        asked=True,
    )


def _spelled(value: Any) -> str:
    return f"{value:,}" if type(value) is int else str(value).lower()
