"""Licences as cards and files name them, as SPDX expressions where SPDX has one."""

import re

_SPDX = {
    "apache-2.0": "Apache-2.0", "mit": "MIT", "bsd": "BSD-3-Clause", "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause", "bsd-3-clause-clear": "BSD-3-Clause-Clear", "gpl": "GPL-3.0-or-later",
    "gpl-2.0": "GPL-2.0-only", "gpl-3.0": "GPL-3.0-only", "lgpl": "LGPL-3.0-or-later", "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-3.0": "LGPL-3.0-only", "agpl-3.0": "AGPL-3.0-only", "mpl-2.0": "MPL-2.0", "epl-2.0": "EPL-2.0",
    "eupl-1.1": "EUPL-1.1", "eupl-1.2": "EUPL-1.2", "isc": "ISC", "zlib": "Zlib", "unlicense": "Unlicense", "wtfpl": "WTFPL",
    "afl-3.0": "AFL-3.0", "artistic-2.0": "Artistic-2.0", "bsl-1.0": "BSL-1.0", "ms-pl": "MS-PL", "ncsa": "NCSA",
    "osl-3.0": "OSL-3.0", "postgresql": "PostgreSQL", "ofl-1.1": "OFL-1.1", "cc0-1.0": "CC0-1.0", "ecl-2.0": "ECL-2.0",
    "cc-by-2.0": "CC-BY-2.0", "cc-by-2.5": "CC-BY-2.5", "cc-by-3.0": "CC-BY-3.0", "cc-by-4.0": "CC-BY-4.0",
    "cc-by-sa-3.0": "CC-BY-SA-3.0", "cc-by-sa-4.0": "CC-BY-SA-4.0", "cc-by-nc-2.0": "CC-BY-NC-2.0",
    "cc-by-nc-3.0": "CC-BY-NC-3.0", "cc-by-nc-4.0": "CC-BY-NC-4.0", "cc-by-nd-4.0": "CC-BY-ND-4.0",
    "cc-by-nc-nd-3.0": "CC-BY-NC-ND-3.0", "cc-by-nc-nd-4.0": "CC-BY-NC-ND-4.0", "cc-by-nc-sa-2.0": "CC-BY-NC-SA-2.0",
    "cc-by-nc-sa-3.0": "CC-BY-NC-SA-3.0", "cc-by-nc-sa-4.0": "CC-BY-NC-SA-4.0", "pddl": "PDDL-1.0", "odc-by": "ODC-By-1.0",
    "odbl": "ODbL-1.0", "lppl-1.3c": "LPPL-1.3c", "c-uda": "C-UDA-1.0", "cdla-permissive-2.0": "CDLA-Permissive-2.0",
    "cdla-permissive-1.0": "CDLA-Permissive-1.0", "cdla-sharing-1.0": "CDLA-Sharing-1.0",
}  # fmt: skip
"""Identifiers of huggingface.co -> SPDX. `bsd`, `gpl` and `lgpl` are read as the hub explains them."""
_ADDRESS = re.compile(r"https?://creativecommons\.org/(?:licenses|publicdomain)/([a-z-]+|zero)/(\d\.\d)")
_TEXTS = (
    (re.compile(r"Apache License\s+Version 2\.0"), "Apache-2.0"),
    (re.compile(r"GNU AFFERO GENERAL PUBLIC LICENSE\s+Version 3"), "AGPL-3.0-only"),
    (re.compile(r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3"), "LGPL-3.0-only"),
    (re.compile(r"GNU GENERAL PUBLIC LICENSE\s+Version 3"), "GPL-3.0-only"),
    (re.compile(r"GNU GENERAL PUBLIC LICENSE\s+Version 2"), "GPL-2.0-only"),
    (re.compile(r"Mozilla Public License Version 2\.0", re.IGNORECASE), "MPL-2.0"),
    (re.compile(r"Permission is hereby granted, free of charge, to any person obtaining a copy"), "MIT"),
    (re.compile(r"Neither the name of .{0,200}endorse or promote", re.DOTALL), "BSD-3-Clause"),
    (re.compile(r"Creative Commons Attribution 4\.0 International"), "CC-BY-4.0"),
    (re.compile(r"Creative Commons Attribution-ShareAlike 4\.0"), "CC-BY-SA-4.0"),
    (re.compile(r"CC0 1\.0 Universal"), "CC0-1.0"),
    (re.compile(r"LLAMA 2 COMMUNITY LICENSE"), "LicenseRef-llama2"),
    (re.compile(r"LLAMA 3(?:\.\d)? (?:VERSION )?COMMUNITY LICENSE"), "LicenseRef-llama3"),
)  # fmt: skip
FILES = (
    "license",
    "license.txt",
    "license.md",
    "licence",
    "licence.txt",
    "copying",
    "copying.txt",
    "license-apache",
    "license-mit",
)
_UNSET = frozenset({"", "unknown", "other", "none"})
_IDENTIFIER = re.compile(r"[A-Za-z0-9.+-]+")


def expression(written: str) -> str:
    """The SPDX expression, `LicenseRef-<name>` for a known name that SPDX has not, or the text as it is."""
    text = written.strip()[:300]
    folded = text.lower()
    if folded in _UNSET:
        return ""
    if folded in _SPDX:
        return _SPDX[folded]
    known = {value.lower(): value for value in _SPDX.values()}
    if folded in known:
        return known[folded]
    match = _ADDRESS.match(folded)
    if match:
        name = "CC0" if match[1] == "zero" else f"CC-{match[1].upper()}"
        return f"{name}-{match[2]}"
    return f"LicenseRef-{text}" if _IDENTIFIER.fullmatch(text) and len(text) < 60 else text


def recognised(text: str) -> str:
    """The licence whose words stand at the beginning of a LICENSE file, or an empty text."""
    return next((name for pattern, name in _TEXTS if pattern.search(text[:6000])), "")
