"""Names of container images: what they fix and what they leave open."""

import re
from dataclasses import dataclass

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_MOVING = re.compile(
    r"latest|latest-.*|.*-latest|nightly|edge|main|master|dev|head|canary|rolling|unstable|snapshot", re.IGNORECASE
)
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?:(:?[-+?])([^{}]*))?\}|([A-Za-z_]\w*))")
_LONGEST = 4_096
UNKNOWN = "\ufffd"
"""Stands for the value of a variable that the document does not give."""


@dataclass(frozen=True, slots=True)
class ImageName:
    """`name:tag@digest`. `known` is false where a part hangs on a variable without a value."""

    name: str
    tag: str
    digest: str
    known: bool

    @property
    def is_moving(self) -> bool:
        """No digest, and no tag or one that is made to move."""
        return self.known and not self.digest and (not self.tag or bool(_MOVING.fullmatch(self.tag)))

    @property
    def is_undigested(self) -> bool:
        """A tag that may be pushed again, and no digest."""
        return self.known and not self.digest and not self.is_moving


def image_name(text: str) -> ImageName:
    """Take an image's name apart; a digest that is not one is none."""
    text = text.strip()
    rest, _, digest = text.partition("@")
    head, slash, last = rest.rpartition("/")
    last, _, tag = last.partition(":")
    digest_known = bool(_DIGEST.fullmatch(digest)) or UNKNOWN in digest
    return ImageName(head + slash + last, tag, digest if digest_known else "", UNKNOWN not in text)


def expand(text: str, variables: dict[str, str]) -> str:
    """`$X`, `${X}`, `${X:-default}` and `${X:+other}` replaced, by UNKNOWN where nothing gives a value.

    At most _LONGEST characters: variables that hold each other many times grow without end.
    """

    def value(match: re.Match[str]) -> str:
        name, operator, word = match[1] or match[4], match[2] or "", match[3] or ""
        given = variables.get(name)
        if operator.endswith("+"):
            return word if given else ""
        if given is None or (operator == ":-" and not given):
            return (
                expand(word, variables)
                if operator.endswith("-") and "$" in word[:1]
                else word
                if operator.endswith("-")
                else UNKNOWN
            )
        return given

    pieces: list[str] = []
    at = total = 0
    text = text[:_LONGEST]
    for match in _VARIABLE.finditer(text):
        pieces += (text[at : match.start()], value(match))
        at = match.end()
        total += len(pieces[-1])
        if total > _LONGEST:
            break
    return "".join((*pieces, text[at:]))[:_LONGEST]


def is_root(user: str) -> bool:
    """Whether a USER (`name`, `id`, `name:group`) is root; not where it hangs on a variable without a value."""
    return user.partition(":")[0].strip().lower() in {"", "root", "0"}
