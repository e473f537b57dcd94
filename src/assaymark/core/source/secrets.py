"""Secrets in text: known token formats by their structure, and `name = value` pairs by what both say.

Pure, linear in the text, and it never returns a secret: a `Secret` carries a masked form only. A format with a
checksum counts only when the checksum is right, so that look-alikes in documents and tests stay quiet; what has no
format of its own (passwords, random keys) is judged by `looks_secret` from the name beside it.
"""

import math
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

MASK = "…"
_MOST = 1_000  # secrets of one text; more than that is one leak, not a thousand findings


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret: what it is, its line (from 1), its span in characters of the text, and its first characters."""

    kind: str
    line: int
    start: int
    end: int
    masked: str


_VALUE = r"[\"']?(?P<value>[^\s\"',;]{4,500})"
_NAMED = (
    re.compile(r"(?<![\w.-])-{0,2}(?P<name>[A-Za-z_][\w.-]{0,80})[\"']?\s{0,4}[=:]\s{0,4}" + _VALUE),
    re.compile(r"(?<![\w.-])(?:--|ENV\s{1,4})(?P<name>[A-Za-z_][\w.-]{0,80})\s{1,4}" + _VALUE),
)


def mask(value: str) -> str:
    """The first four characters (fewer of a short value) and an ellipsis."""
    return value[: min(4, len(value) // 3)] + MASK


def redact(text: str, *values: str, until: int | None = None) -> str:
    """The text with every secret masked: those of a known format, those that a name gives away, and `values`.

    With `until`, only what begins before that many characters.
    """
    for value in sorted((v for v in values if v), key=len, reverse=True):
        text = text.replace(value, mask(value))
    spans = [(secret.start, secret.end, secret.masked) for secret in find_secrets(text)]
    named = (match for pattern in _NAMED for match in pattern.finditer(text) if secret_name(match["name"]))
    spans += ((*m.span("value"), mask(m["value"])) for m in named if looks_secret(m["name"], m["value"]))
    parts: list[str] = []
    at, end = 0, len(text) if until is None else until
    for start, stop, masked in sorted(spans):
        if at <= start < end:
            parts += (text[at:start], masked)
            at = stop
    return "".join((*parts, text[at:end]))


def safe_excerpt(line: str, *values: str) -> str:
    """The line as a finding may show it: secrets masked, then cut to 300 characters.

    Of a long line only the beginning is looked at: twice as far as is shown of it, so that no secret is cut in two.
    """
    return redact(line[:4_000], *values, until=2_000)[:300].strip()


def find_secrets(text: str) -> Iterator[Secret]:
    """Secrets of known formats, in order of appearance. Of two that overlap the first counts."""
    found = sorted(_matches(text), key=lambda span: (span[0], -span[1]))
    line, counted, end = 1, 0, 0
    for start, stop, kind, masked in found[:_MOST]:
        if start < end:
            continue
        line += text.count("\n", counted, start)
        counted, end = start, stop
        yield Secret(kind, line, start, stop, masked)


def looks_secret(name: str, value: str) -> str | None:
    """What kind of secret `name = value` is, or None.

    A password counts when it is a literal that is no placeholder; a token, key or secret must also look drawn at
    random. References to where the secret really is (`${VAR}`, `/run/secrets/x`, `os.environ[...]`) are not secrets.
    """
    value = value.strip().strip("\"'")
    for secret in find_secrets(value):
        return secret.kind
    kind = secret_name(name)
    if kind is None or is_placeholder(value, name) or is_reference(value) or _is_hash(value):
        return None
    if kind == "password":
        return kind if 6 <= len(value) <= 200 and not any(c.isspace() for c in value) else None
    return kind if is_random(value) else None


# --- known formats ---------------------------------------------------------------------------------------------------

_EDGE = r"(?<![A-Za-z0-9+_\-])"
_STOP = r"(?![A-Za-z0-9+_\-])"


def _always(_value: str) -> bool:
    return True


def _mixed(value: str) -> bool:
    """Letters and digits, or letters of both cases, with an entropy that written words do not have."""
    body = re.sub(r"^[a-z]{2,6}[_\-]", "", value)
    kinds = (any(c.isdigit() for c in body), any(c.islower() for c in body), any(c.isupper() for c in body))
    return sum(kinds) >= 2 and entropy(body) >= 3.0 and not is_placeholder(value)


def _github_checksum(token: str) -> bool:
    """The last six characters are the base62 CRC-32 of those after the prefix (github.blog, 2021-04-05)."""
    body, checksum = token.split("_", 1)[1][:-6], token[-6:]
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(6, "0") == checksum


_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class _Token:
    """`hint` is a literal that every match holds: the text is asked for it before the pattern runs."""

    kind: str
    hint: str
    pattern: re.Pattern[str]
    valid: Callable[[str], bool] = _mixed


def _token(kind: str, hint: str, body: str, valid: Callable[[str], bool] = _mixed) -> _Token:
    return _Token(kind, hint, re.compile(_EDGE + "(" + body + ")" + _STOP), valid)


_TOKENS = (
    *(
        _token("AWS access key id", prefix, prefix + r"[A-Z2-7]{16}", lambda v: not v.endswith("EXAMPLE"))
        for prefix in ("AKIA", "ASIA")
    ),
    *(
        _token("GitHub token", p, p + r"[A-Za-z0-9]{36}", _github_checksum)
        for p in ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")
    ),
    _token("GitHub token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _token("npm token", "npm_", r"npm_[A-Za-z0-9]{36}", _github_checksum),
    _token("GitLab token", "gl", r"gl(?:pat|ptt|dt|rt|cbt|ft|soat|agent)-[A-Za-z0-9_\-.]{20,120}"),
    _token("Hugging Face token", "hf_", r"hf_[A-Za-z0-9]{34,40}"),
    _token("Hugging Face token", "api_org_", r"api_org_[A-Za-z0-9]{34}"),
    _token("OpenAI API key", "T3BlbkFJ", r"sk-[A-Za-z0-9_\-]{20,120}T3BlbkFJ[A-Za-z0-9_\-]{20,120}", _always),
    _token("OpenAI API key", "sk-", r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_\-]{40,180}"),
    _token("Anthropic API key", "sk-ant-", r"sk-ant-[a-z0-9]{3,12}-[A-Za-z0-9_\-]{80,120}"),
    _token("API key", "sk-", r"sk-(?:or-v1-)?[A-Za-z0-9]{32,64}"),
    _token("Slack token", "xox", r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9\-]{20,200}"),
    _token("Slack token", "xapp-", r"xapp-\d-[A-Z0-9]{8,16}-\d{8,16}-[a-f0-9]{64}", _always),
    _token(
        "Slack webhook",
        "hooks.slack.com",
        r"https://hooks\.slack\.com/services/T[A-Z0-9]{6,12}/B[A-Z0-9]{6,12}/[A-Za-z0-9]{24}",
    ),
    _token("Google API key", "AIza", r"AIza[A-Za-z0-9_\-]{35}"),
    _token("Google OAuth secret", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_\-]{28}"),
    _token("Stripe key", "k_live_", r"[sr]k_live_[A-Za-z0-9]{24,120}"),
    _token("PyPI token", "pypi-Ag", r"pypi-Ag(?:EIcHlwaS5vcmc|ENdGVzdC5weXBpLm9yZw)[A-Za-z0-9_\-]{50,300}", _always),
    _token("Docker Hub token", "dckr_", r"dckr_(?:pat|oat)_[A-Za-z0-9_\-]{27,40}"),
    _token("Databricks token", "dapi", r"dapi[a-f0-9]{32}(?:-\d)?"),
    _token("Groq API key", "gsk_", r"gsk_[A-Za-z0-9]{52}"),
    _token("Replicate token", "r8_", r"r8_[A-Za-z0-9]{37}"),
    _token("SendGrid key", "SG.", r"SG\.[A-Za-z0-9_\-]{22}\.[A-Za-z0-9_\-]{43}"),
    _token("DigitalOcean token", "do", r"do[opr]_v1_[a-f0-9]{64}"),
    _token("Telegram bot token", ":AA", r"\d{8,10}:AA[A-Za-z0-9_\-]{33}"),
    _token("Vault token", "hvs.", r"hvs\.[A-Za-z0-9_\-]{24,160}"),
    _token("age secret key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}", _always),
    _Token("Azure storage key", "AccountKey=", re.compile(r"AccountKey=([A-Za-z0-9+/]{86}==)")),
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?P<type>[A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?)-----"
    r"(?:[^-]{0,200}?)(?P<body>[A-Za-z0-9+/]{40,80})"
)
_KEY_REST = re.compile(r"[A-Za-z0-9+/=\\\s]{0,20000}")
_URL = re.compile(r"://(?P<user>[^\s:/@'\"<>\[\]]{0,100})(?::(?P<password>[^\s/@'\"<>]{1,200}))?@(?=[A-Za-z0-9\[])")
_HEADER = re.compile(
    r"[Aa]uthorization[\"']?\s{0,4}[:=,]\s{0,4}[\"']?(?:[Bb]earer|[Tt]oken|[Bb]asic)\s{1,4}([A-Za-z0-9_\-.+/=]{16,2000})"
)


def _matches(text: str) -> Iterator[tuple[int, int, str, str]]:
    """(start, end, kind, masked) of each secret, by format."""
    for token in _TOKENS:
        if token.hint in text:
            for match in token.pattern.finditer(text):
                if token.valid(match[1]):
                    yield *match.span(1), token.kind, mask(match[1])
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)
    if "://" in text and "@" in text:
        yield from _urls(text)
    if "uthorization" in text:
        for match in _HEADER.finditer(text):
            if is_random(match[1]):
                yield *match.span(1), "authorization header", mask(match[1])


def _private_keys(text: str) -> Iterator[tuple[int, int, str, str]]:
    """A PEM header that key material follows; the header alone, as documents quote it, is none."""
    at = 0
    while match := _PRIVATE_KEY.search(text, at):
        at = match.end()
        if entropy(match["body"]) < 3.5:
            continue
        closed = text.find("-----END", at, at + 20_000)
        at = closed if closed >= 0 else _KEY_REST.match(text, at).end()  # type: ignore[union-attr] # matches nothing too
        kind = "encrypted private key" if "ENCRYPTED" in match[0] else "private key"
        yield match.start(), at, kind, f"-----BEGIN {match['type']}-----{MASK}"


def _urls(text: str) -> Iterator[tuple[int, int, str, str]]:
    """`scheme://user:password@` and `scheme://long-random-token@`, not `git@host`, not placeholders."""
    for match in _URL.finditer(text):
        user, password = match["user"], match["password"]
        if password is None:
            if len(user) >= 20 and is_random(user):
                yield *match.span("user"), "token in a URL", mask(user)
        elif password == user or is_placeholder(password, user) or is_reference(password) or is_reference(user):
            continue
        else:
            yield *match.span("password"), "password in a URL", mask(password)


# --- names and values ------------------------------------------------------------------------------------------------


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_KINDS = {
    **dict.fromkeys(_words("password passwd passwort pwd passphrase passcode"), "password"),
    **dict.fromkeys(_words("credential credentials"), "credential"),
    "secret": "secret",
    "token": "token",
    "apikey": "API key",
    "secretkey": "secret key",
    "accesskey": "access key",
}
_KINDS_LAST = {"pass": "password", "pat": "token"}
"""Words that name a secret only at the end of a longer name."""
_KEYS = _words(
    "api access private secret encryption signing account auth master shared service fernet storage "
    "subscription deploy session hmac jwt"
)
_NOT_SECRET_LAST = _words(
    "file path dir directory url uri endpoint name names id ids type types length len size limit count ttl expiry "
    "expires expire expiration expired timeout age min max policy prefix suffix header headers field column hash "
    "algorithm alg enabled required mode provider arn ref index class regex pattern version manager store backend env "
    "var location region bucket username user email rotation budget scope audience issuer host port parallelism "
    "model layer block module embedding embeddings format label placeholder hint help prompt description validator strategy rate usage cost"
)
_MODEL_TOKENS = _words(
    "pad eos bos unk sep cls mask special start end stop image max min num n per input output prompt completion new "
    "total chat think audio video decoder extra added next system assistant begin boi eoi language word sub forced "
    "first last prev previous current bad suppress"
)
_PLACEHOLDER = re.compile(
    r"your|example|change[\s_\-]?(?:me|it|this)|replace|place[\s_\-]?holder|redacted|dummy|insert|xxx|\*\*\*|\.\.\.|…|<[^<>]*>"
    r"|not[\s_\-]?(?:a|needed|required|used|real)|fill[\s_\-]?(?:in|me)|fixme|todo",
    re.IGNORECASE,
)
_AZURITE = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6"  # the published key of the Azure Storage emulator
_EMPTY_WORDS = _words(
    "password passwd pass pwd secret token key api apikey value test tests testing fake mock none null nil true false "
    "yes no on off empty undefined unset default sample demo foo bar baz user username admin root guest postgres mysql "
    "mariadb mongo redis minio minioadmin rabbitmq airflow grafana elastic neo4j mlflow jupyter some my the a is this "
    "enter here local localhost dev development ci disabled unused anonymous string str here here1 changeme access "
    "private public and or not for auth bearer basic credentials login account"
)
_REFERENCE = re.compile(
    r"\$\{|\$\(|^\$[A-Za-z_]|^%[A-Za-z_]\w*%$|\{\{|\}\}|^\{[^{}]*\}$|^<|^%\(|^env[:(.]|environ|getenv|getpass|^secrets?[.:/]|"
    r"^vault:|^(?:aws|azure|gcp)-?sm:|^arn:|/secrets/|^file:|^/(?:run|etc|var|mnt|home|root|tmp|opt|secrets?)/|^@Microsoft\.KeyVault|"
    r"^ENC\[|^!|^(?:keyring|op|ssm|ref\+\w+)[:/]|process\.env|^\.{1,2}/|^\$\[\["
)
_HASHED = re.compile(
    r"^(?:\$(?:2[aby]|5|6|argon2\w*|y|scrypt)\$|(?:argon2|pbkdf2|scrypt|bcrypt|sha1|sha256|sha512)[:_$])"
)


def secret_name(name: str) -> str | None:
    """What a variable of this name holds (`password`, `token`, `API key`…), or None when it names no secret."""
    words = [word.lower() for word in _WORDS.findall(name[:200])]
    if not words or words[-1] in _NOT_SECRET_LAST or "public" in words:
        return None
    for before, word in pairwise(("", *words)):
        if word == "token" and before in _MODEL_TOKENS:
            return None
        if word in _KINDS:
            return _KINDS[word]
        if word == "key" and before in _KEYS:
            return "API key" if before == "api" else f"{before} key"
    return _KINDS_LAST.get(words[-1]) if len(words) > 1 else None


def is_placeholder(value: str, name: str = "") -> bool:
    """The value only marks where a secret goes: `changeme`, `<token>`, `your-key`, `xxx`, the name itself, nothing."""
    if len(value) < 3 or len(set(value)) <= 2 or _PLACEHOLDER.search(value):
        return True
    if value.startswith(_AZURITE) or _is_compound(value.lower()):
        return True
    own = {word.lower() for word in _WORDS.findall(name)}
    words = [word.lower() for word in _WORDS.findall(value)]
    return all(word in _EMPTY_WORDS or word in own or (word.isdigit() and len(word) <= 4) for word in words)


def _is_compound(value: str) -> bool:
    """Nothing but such words written together: `mysecretpassword`."""
    if len(value) > 40 or not value.isalpha():
        return False
    reached = {0}
    for end in range(1, len(value) + 1):
        if any(start in reached and value[start:end] in _EMPTY_WORDS for start in range(max(0, end - 12), end)):
            reached.add(end)
    return len(value) in reached


def is_reference(value: str) -> bool:
    """The value says where the secret is taken from when it is needed: a variable, a file, a secret store."""
    return bool(_REFERENCE.search(value))


def _is_hash(value: str) -> bool:
    return bool(_HASHED.match(value))


def is_random(value: str) -> bool:
    """Long and mixed enough to have been drawn rather than written."""
    if not 12 <= len(value) <= 4_096 or not re.fullmatch(r"[\w+/=.\-~!@#$%^&*:]+", value, re.ASCII):
        return False
    segments = re.split(r"[-_./:+=]+", value)
    if all(not s or (s.isalpha() and _steady(s)) or (s.isdigit() and len(s) <= 6) for s in segments):
        return False
    if not any(c.isalpha() for c in value):
        return False
    return entropy(value) >= (2.75 if len(value) < 20 else 3.0)


def _steady(word: str) -> bool:
    """Letters as words have them: at most one change of case in five letters."""
    changes = sum(a.islower() and b.isupper() for a, b in pairwise(word))
    return len(word) < 16 or changes * 5 < len(word)


def entropy(text: str) -> float:
    """Shannon entropy in bits for each character."""
    if not text:
        return 0.0
    counts: dict[str, int] = {}
    for char in text:
        counts[char] = counts.get(char, 0) + 1
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
