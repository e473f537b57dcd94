"""What the commands of a script install, and whether they verify what they fetch."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from urllib.parse import urlsplit

from assaymark.core.format import Item
from assaymark.core.source.fetch_run import program
from assaymark.core.source.secrets import redact
from assaymark.core.source.shell import HOLE, Command, Word
from assaymark.infra.script import EnvironmentPair, ShellScript, given_secrets

_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1|0\.0\.0\.0|host\.docker\.internal")
_PIP = re.compile(r"pip[\d.]*")
_PYTHON = re.compile(r"python[\d.]*")
_OFF = frozenset({"false", "0", "no", "off"})
_INDEX_OPTIONS = frozenset(
    {"-i", "--index-url", "--extra-index-url", "--index", "--default-index", "-f", "--find-links"}
)
_PIP_VALUES = _INDEX_OPTIONS | frozenset(
    {
        "-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-t", "--target", "--trusted-host", "--root",
        "--prefix", "--python", "-p", "--platform", "--python-version", "--implementation", "--abi", "--no-binary",
        "--only-binary", "--progress-bar", "--timeout", "--retries", "--cache-dir", "--upgrade-strategy", "-C",
        "--config-settings", "--global-option", "--install-option", "--proxy", "--cert", "--client-cert", "--report",
        "--use-feature", "--src", "--log", "--exists-action", "--keyring-provider", "--link-mode", "--extra", "--group",
        "--torch-backend", "--resolution", "--prerelease", "--exclude-newer", "--python-platform", "--with", "--from",
    }
)  # fmt: skip
_BOOTSTRAP = frozenset({"pip", "setuptools", "wheel"})
"""What every image brings to the newest version first; asking for a pin there would drown the rest."""
_CURL_VALUES = frozenset("oudHXAeETFbcCmwxyYzKrQtUP")
_SWITCHES = {
    "--allow-unauthenticated": "apt-get installs packages that nobody signed",
    "--allow-insecure-repositories": "apt-get takes repositories that nobody signed",
    "--force-yes": "apt-get installs packages that nobody signed",
    "--allow-untrusted": "apk installs packages that nobody signed",
    "--nogpgcheck": "packages are installed without looking at their signature",
    "--no-gpg-checks": "packages are installed without looking at their signature",
    "--no-gpg-check": "packages are installed without looking at their signature",
    "--nosignature": "packages are installed without looking at their signature",
    "--no-check-certificate": "the download takes any certificate",
    "--no-check-certificates": "the download takes any certificate",
    "--insecure-skip-tls-verify": "any certificate is taken",
    "--insecure-skip-tls-verify=true": "any certificate is taken",
}
_APT_OPTION = re.compile(
    r"(?:APT::Get::AllowUnauthenticated|Acquire::(?:AllowInsecureRepositories|https::Verify-Peer))=(.+)", re.IGNORECASE
)
_VARIABLES = {
    "PYTHONHTTPSVERIFY": _OFF,
    "NODE_TLS_REJECT_UNAUTHORIZED": _OFF,
    "GIT_SSL_NO_VERIFY": frozenset({"1", "true", "yes"}),
    "NPM_CONFIG_STRICT_SSL": _OFF,
    "CONDA_SSL_VERIFY": _OFF,
    "HF_HUB_DISABLE_SSL_VERIFY": frozenset({"1", "true"}),
}
_HOSTS = frozenset({"PIP_TRUSTED_HOST", "UV_INSECURE_HOST", "UV_ALLOW_INSECURE_HOST"})
_URLS = frozenset(
    {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX"}
)
_CERTIFICATES = frozenset({"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"})


_MOST = 200  # of each kind in one script


@dataclass(frozen=True, slots=True)
class Unverified:
    """A place where verification is switched off."""

    what: str
    line: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class MixedIndexes:
    """pip is given a second index beside the default one, and no hashes."""

    url: str
    line: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class Unpinned:
    """What one command installs by name alone."""

    names: tuple[str, ...]
    line: int
    excerpt: str


def script_views(script: ShellScript) -> Iterator[Item]:
    """The script itself, the secrets it is given, what it does not verify, what it does not pin."""
    yield script
    yield from given_secrets(script)
    found = 0
    for command in script.commands():
        for offset, what in unverified(command):
            found += 1
            if found <= _MOST:
                yield Unverified(what, script.line_at(offset), script.excerpt_at(offset))
        for offset, url in mixed_indexes(command):
            found += 1
            if found <= _MOST:
                yield MixedIndexes(url, script.line_at(offset), script.excerpt_at(offset))
        names = tuple(unpinned(command))
        if names:
            found += 1
            if found <= _MOST:
                yield Unpinned(names, script.line_at(command.offset), script.excerpt_at(command.offset))


def mixed_indexes(command: Command) -> Iterator[tuple[int, str]]:
    """(offset, address) of each extra index; uv asks one index after the other and is not meant."""
    name, arguments = program(command)
    texts = [word.text for word in arguments]
    if (
        not (_PIP.fullmatch(name) or (_PYTHON.fullmatch(name) and texts[:2] == ["-m", "pip"]))
        or "--require-hashes" in texts
    ):
        return
    for word, following in zip_longest(arguments, arguments[1:]):
        option, equals, url = word.text.partition("=")
        if option == "--extra-index-url":
            yield word.offset, redact(url if equals else following.text if following is not None else "")


def pair_views(pair: EnvironmentPair) -> Iterator[Item]:
    """The pair itself, and what it switches off."""
    yield pair
    what = unverified_variable(pair.name, pair.value)
    if what:
        yield Unverified(what, pair.line, pair.excerpt)


def unverified(command: Command) -> Iterator[tuple[int, str]]:
    """(offset, what) for each way in which a command fetches without verifying."""
    name, arguments = program(command)
    texts = [word.text for word in arguments]
    for word in command.words:
        variable, equals, value = word.text.partition("=")
        what = unverified_variable(variable.removeprefix("export ").strip(), value) if equals else ""
        if what:
            yield word.offset, what
        if "[trusted=yes]" in word.text.replace(" ", "") or re.search(r"\[[^\]]{0,200}trusted=yes", word.text):
            yield word.offset, "a package source is trusted without a signature"
    if _only_local(texts):
        return
    for word in arguments:
        what = _SWITCHES.get(word.text) or _apt_option(name, word.text)
        if what:
            yield word.offset, what
    if name == "curl" and any(_curl_insecure(text) for text in texts):
        yield command.offset, "curl takes any certificate"
    if _is_pip(name, texts):
        yield from _pip_sources(arguments)
    yield from ((command.offset, what) for what in _settings(name, texts))


def unverified_variable(name: str, value: str) -> str:
    """What setting this variable switches off; empty where it does nothing of that kind."""
    name, value = name.upper(), value.strip().strip("\"'")
    if value.lower() in _VARIABLES.get(name, ()):
        return f"{name}={value} switches verification off"
    if name in _HOSTS and any(not _LOOPBACK.fullmatch(host.partition(":")[0]) for host in value.split()):
        return f"{name} takes any certificate from {value[:100]}"
    if name in _URLS and any(_is_plain(url) for url in value.split()):
        return f"{name} fetches packages without TLS"
    if name in _CERTIFICATES and not value:
        return f"an empty {name} switches verification off"
    return ""


def unpinned(command: Command) -> Iterator[str]:
    """What `pip install` (or uv, pipx) is asked for by name without a version, or from a repository without a commit."""
    name, arguments = program(command)
    words = _install_words(name, arguments)
    if words is None or any(word.text.startswith(("-c", "--constraint", "--require-hashes")) for word in words):
        return
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word.text.startswith("-"):
            at += word.text in _PIP_VALUES
            continue
        if not _is_fixed(word.text):
            yield re.split(r"[\s\[<>=!~;]", redact(word.text), maxsplit=1)[0][:200]


def _install_words(name: str, arguments: list[Word]) -> list[Word] | None:
    """The words behind `install`; None where the command installs nothing."""
    texts = [word.text for word in arguments]
    for leading in (["-m", "pip"], ["pip"], ["tool"], []):
        begins = texts[: len(leading)] == leading and texts[len(leading) : len(leading) + 1] == ["install"]
        known = {
            "-m": _PYTHON.fullmatch(name),
            "pip": name == "uv",
            "tool": name == "uv",
            "": _PIP.fullmatch(name) or name == "pipx",
        }
        if begins and known[leading[0] if leading else ""]:
            return arguments[len(leading) + 1 :]
    return None


def _is_pip(name: str, texts: list[str]) -> bool:
    return (
        bool(_PIP.fullmatch(name))
        or name in {"uv", "pipx"}
        or (bool(_PYTHON.fullmatch(name)) and texts[:2] == ["-m", "pip"])
    )


def _is_fixed(text: str) -> bool:
    """A pin, a commit, a path, or something whose value is not here."""
    if HOLE in text or "$" in text or "==" in text or not text.strip() or text.startswith("{"):
        return True
    if re.match(r"[./~]|[A-Za-z]:\\|file:", text) or (text.endswith((".whl", ".gz", ".zip")) and "://" not in text):
        return True
    if "://" in text or text.startswith(("git+", "hg+")):
        return bool(re.search(r"@[0-9a-f]{40}\b|#(?:[^#]*&)?sha256=[0-9a-f]{64}|/[0-9a-f]{40}[./]", text))
    name = re.match(r"[A-Za-z0-9][\w.-]*", text)
    return name is None or name[0].lower() in _BOOTSTRAP


def _pip_sources(arguments: list[Word]) -> Iterator[tuple[int, str]]:
    for at, word in enumerate(arguments):
        option, equals, value = word.text.partition("=")
        following = arguments[at + 1].text if at + 1 < len(arguments) else ""
        value = value if equals else following
        if option in {"--trusted-host", "--allow-insecure-host"} and not _LOOPBACK.fullmatch(value.partition(":")[0]):
            yield word.offset, f"pip takes any certificate from {value[:100]}"
        elif option in _INDEX_OPTIONS and _is_plain(value):
            yield word.offset, f"packages are fetched from {_bare(value)} without TLS"


def _settings(name: str, texts: list[str]) -> Iterator[str]:
    """Settings that a command writes or that it is run with."""
    line = " ".join(texts)
    if name in {"npm", "yarn", "pnpm"} and re.search(r"strict-ssl[ =](?:false|0)\b", line, re.IGNORECASE):
        yield f"{name} takes any certificate"
    elif name == "git" and re.search(r"http\.(?:\S{1,300}\.)?sslverify[ =](?:false|0|no|off)\b", line, re.IGNORECASE):
        yield "git takes any certificate"
    elif name in {"conda", "mamba", "micromamba"} and re.search(
        r"ssl_verify[ =](?:false|no|0)\b|(?:^| )(?:-k|--insecure)(?: |$)", line, re.IGNORECASE
    ):
        yield f"{name} takes any certificate"
    elif name == "poetry" and re.search(r"certificates\.\S{1,300}\.cert[ =]false\b", line, re.IGNORECASE):
        yield "poetry takes any certificate"
    elif _PIP.fullmatch(name) and re.search(r"config set \S*trusted-host (?!localhost|127\.)", line):
        yield "pip takes any certificate from a trusted host"
    elif _PIP.fullmatch(name) and re.search(r"config set \S*index-url http://(?!localhost|127\.)", line):
        yield "pip fetches packages without TLS"
    elif name in {"dnf", "yum"} and re.search(r"sslverify=(?:0|false)\b|gpgcheck=(?:0|false)\b", line, re.IGNORECASE):
        yield f"{name} does not verify what it fetches"


def _apt_option(name: str, text: str) -> str:
    match = _APT_OPTION.search(text) if name in {"apt", "apt-get", "aptitude"} else None
    if not match:
        return ""
    off = match[1].strip("\"'").lower() in _OFF
    bad = off if "verify" in match[0].lower() else not off
    return "apt-get takes repositories that nobody signed" if bad else ""


def _curl_insecure(text: str) -> bool:
    """`-k` alone or among short options (`-fsSLk`), or `--insecure`."""
    if text == "--insecure":
        return True
    if not re.fullmatch(r"-[A-Za-z#0-9]+", text):
        return False
    for letter in text[1:]:
        if letter == "k":
            return True
        if letter in _CURL_VALUES:
            return False
    return False


def _only_local(texts: list[str]) -> bool:
    """The command speaks to this very machine and to nobody else (health checks)."""
    hosts = [_host(text) for text in texts if "://" in text]
    return bool(hosts) and all(_LOOPBACK.fullmatch(host) for host in hosts)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_plain(url: str) -> bool:
    return url.lower().startswith("http://") and bool(_host(url)) and not _LOOPBACK.fullmatch(_host(url))


def _bare(url: str) -> str:
    return f"http://{_host(url)}"
