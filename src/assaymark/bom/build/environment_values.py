"""Values of settings and parameters as they may stand in a document that is handed on."""

import re

from assaymark.core.source.secrets import looks_secret, redact

_SECRET = re.compile(r"token(?!s|iz)|secret|passw|credential|api_?key|auth", re.IGNORECASE)
_OPTION = re.compile(
    r"(--?[\w-]{0,40}(?:token|secret|passw|credential|api[-_]?key)[\w-]{0,40}(?:=|\s+)|\b\w{0,40}(?:TOKEN|SECRET|PASSWORD|API_KEY)=)"
    r"(?:\"[^\"]*\"|'[^']*'|[^\s\"']+)"
)
"""Of a command line."""
_USERINFO = re.compile(r"(?<=//)[^/@\s]+@")


def plain(name: str, value: str, length: int = 500) -> str | None:
    """The value, user names and passwords of addresses left out; None where it is or may be a secret."""
    if _SECRET.search(name) or looks_secret(name, value) is not None:
        return None
    return redact(_OPTION.sub(r"\1…", _USERINFO.sub("", value)))[:length]
