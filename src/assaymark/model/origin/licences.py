"""Which licence a text is, by sentences that only it has. A text that is none of these is not guessed at."""

import re

from assaymark.core.finding import Severity
from assaymark.model.origin.claims import Place, Result
from assaymark.model.origin.model import Model

_LIMIT = 1 << 20
_FILES = re.compile(r"(?:license|licence|copying|use_policy|notice)(?:[.\-_].{0,40})?", re.IGNORECASE)
_TEXTS = (
    ("agpl-3.0", "gnu affero general public license version 3"),
    ("lgpl-3.0", "gnu lesser general public license version 3"),
    ("gpl-3.0", "gnu general public license version 3"),
    ("gpl-2.0", "gnu general public license version 2"),
    ("apache-2.0", "apache license version 2.0"),
    ("mpl-2.0", "mozilla public license version 2.0"),
    ("cc-by-nc-nd-4.0", "attribution-noncommercial-noderivatives 4.0 international"),
    ("cc-by-nc-sa-4.0", "attribution-noncommercial-sharealike 4.0 international"),
    ("cc-by-nc-4.0", "attribution-noncommercial 4.0 international"),
    ("cc-by-sa-4.0", "attribution-sharealike 4.0 international"),
    ("cc-by-nd-4.0", "attribution-noderivatives 4.0 international"),
    ("cc-by-4.0", "attribution 4.0 international"),
    ("cc0-1.0", "cc0 1.0 universal"),
    ("llama4", "llama 4 community license agreement"),
    ("llama3.3", "llama 3.3 community license agreement"),
    ("llama3.2", "llama 3.2 community license agreement"),
    ("llama3.1", "llama 3.1 community license agreement"),
    ("llama3", "meta llama 3 community license agreement"),
    ("llama2", "llama 2 community license agreement"),
    ("gemma", "gemma terms of use"),
    ("bigscience-openrail-m", "bigscience openrail-m"),
    ("bigscience-bloom-rail-1.0", "bigscience rail license"),
    ("creativeml-openrail-m", "creativeml open rail-m"),
    ("openrail++", "creativeml open rail++-m"),
    ("unlicense", "this is free and unencumbered software released into the public domain"),
    ("bsd-3-clause", "neither the name of"),
    ("bsd-2-clause", "redistribution and use in source and binary forms with or without modification are permitted"),
    ("isc", "permission to use copy modify and or distribute this software for any purpose with or without fee"),
    ("mit", "permission is hereby granted free of charge to any person obtaining a copy of this software"),
)
"""Id of the hub, and words of the text in lower case without punctuation; the first that fits counts."""
_OPEN = {"other", "unknown", "custom", ""}
_RESTRICTED = re.compile(r"nc|llama|gemma|rail|nd-4")


def recognise(text: str) -> str:
    """The id of the licence, or an empty text."""
    words = " ".join(re.sub(r"[^\w.+\- ]", " ", text[:_LIMIT].lower()).replace(" ,", " ").split())
    return next((name for name, sentence in _TEXTS if " ".join(sentence.split()) in words[:4000] + words[-2000:]), "")


def normal(name: str) -> str:
    """A licence id as the hub spells it: `Apache License 2.0` and `Apache-2.0` are `apache-2.0`."""
    text = re.sub(r"-(?:only|or-later)$", "", name.strip().lower())
    text = {
        "apache license 2.0": "apache-2.0",
        "apache2": "apache-2.0",
        "apache 2.0": "apache-2.0",
        "mit license": "mit",
    }.get(text, text)
    return text.replace(" ", "-")


def check(model: Model) -> None:
    """Enter the licence that is named, against the text that lies beside it."""
    said: list[tuple[str, Place]] = []
    if model.card is not None:
        said += [(text, Place(model.card.path, f"line {line}")) for text, line in model.card.values("license")]
    for one in model.sets:
        if one.gguf is not None and one.gguf.text("general.license"):
            said.append((one.gguf.text("general.license"), Place(one.files[0], "general.license")))
    texts = {
        path: recognise(model.text(path, _LIMIT) or "")
        for path in sorted(model.tree.files) if "/" not in path and _FILES.fullmatch(path)
    }  # fmt: skip
    known = {path: name for path, name in texts.items() if name}
    for text, place in said[:20]:
        name = normal(text)
        if name in _OPEN or not known:
            why = "its text is not there, or not one that is known here" if name not in _OPEN else "it names no licence"
            model.ledger.say(
                "licence", text, "no text to compare", Result.UNVERIFIABLE, (place,), map(Place, texts), note=why
            )
            continue
        found = ", ".join(sorted(set(known.values())))
        freer = not _RESTRICTED.search(name) and any(_RESTRICTED.search(other) for other in known.values())
        severity = Severity.HIGH if freer and name not in known.values() else Severity.MEDIUM
        note = "the text restricts what the claim allows" if severity is Severity.HIGH else ""
        model.ledger.match(
            "licence", text, found, place, map(Place, known), severity, note, same=name in known.values()
        )
    named = {normal(text) for text, _ in said} - _OPEN
    if len(named) > 1:
        model.ledger.say(
            "licence", ", ".join(sorted(named)), "more than one", Result.CONTRADICTED, (place for _, place in said),
            severity=Severity.LOW, note="card and weights name different licences",
        )  # fmt: skip
