"""Where data comes from and where it does something: the tables behind `python_taint`."""

import re
from enum import IntEnum

from assaymark.core.source.python_deeds import UNKNOWN, Deed, deed_of


class Label(IntEnum):
    """A kind of data. The value is a bit number; `WORDS` completes "runs ..."."""

    NETWORK = 0
    HUB = 1
    DECODED = 2
    WEIGHTS = 3
    FILE = 4
    SECRET = 5
    ENVIRONMENT = 6
    INPUT = 7
    HOME = 8
    SITE = 9
    STARTUP = 10
    OWN = 11


WORDS = {
    Label.NETWORK: "data from the network",
    Label.HUB: "files of another repository",
    Label.DECODED: "decoded text",
    Label.WEIGHTS: "bytes of the weights",
    Label.FILE: "the content of a file",
    Label.SECRET: "secrets of the machine",
    Label.ENVIRONMENT: "an environment variable",
    Label.INPUT: "the model's input",
    Label.HOME: "a path of the user's own files",
    Label.STARTUP: "a file that others run or trust",
    Label.OWN: "the folder of the code itself",
    Label.SITE: "a path among the installed packages",
}

_HUB = frozenset({
    "huggingface_hub.hf_hub_download", "huggingface_hub.snapshot_download", "huggingface_hub.file_download.hf_hub_download",
    "transformers.utils.cached_file", "transformers.utils.hub.cached_file", "torch.hub.load_state_dict_from_url",
    "modelscope.snapshot_download", "modelscope.hub.snapshot_download.snapshot_download",
})  # fmt: skip
_FILES = frozenset({
    "open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open", "os.open", "numpy.fromfile", "os.read",
    "pathlib.Path().read_text", "pathlib.Path().read_bytes", "pathlib.Path().open", "importlib.resources.read_text",
})  # fmt: skip
_DECODERS = re.compile(
    r"base64\.\w*decode\w*|binascii\.(?:unhexlify|a2b_\w+)|(?:bytes|bytearray)\.fromhex|zlib\.decompress(?:obj\(\)\.decompress)?"
    r"|(?:lzma|bz2|gzip)\.decompress|codecs\.decode|chr|marshal\.loads|numpy\.base_repr"
)
_WEIGHTS = frozenset({
    "torch.load", "safetensors.torch.load_file", "safetensors.torch.load", "safetensors.safe_open", "safetensors.numpy.load_file",
    "numpy.load", "safetensors.safe_open().get_tensor",
})  # fmt: skip
_WEIGHT_MEMBERS = frozenset({
    "weight", "bias", "state_dict", "named_parameters", "named_buffers", "get_parameter", "get_buffer", "get_tensor",
})  # fmt: skip
_HOME = re.compile(r"os\.path\.expanduser|pathlib\.Path\.home|pathlib\.Path\(\)\.expanduser")
_SITE = re.compile(r"site\.get\w*sitepackages|sysconfig\.get_paths?|distutils\.sysconfig\.get_python_lib")
SECRET_PATH = re.compile(
    r"\.ssh/|\.aws/(?:credentials|config)|\.netrc|\.git-credentials|\.kube/config|\.docker/config\.json|/etc/(?:passwd|shadow)"
    r"|huggingface/token|\.pypirc|id_rsa|id_ed25519|Login Data|wallet\.dat|/proc/self/environ|\.config/gcloud"
)
"""Files that hold secrets."""
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_?KEY|CREDENTIAL|PRIVATE", re.IGNORECASE)
_CLEARS = frozenset({
    "len", "int", "float", "bool", "isinstance", "issubclass", "hasattr", "range", "type", "callable", "all", "any", "id", "hash",
    "os.path.exists", "os.path.isfile", "os.path.isdir", "os.path.getsize", "abs", "divmod",
    "round", "torch.arange", "torch.zeros", "torch.ones", "torch.empty",
})  # fmt: skip
INPUTS = frozenset(
    {"forward", "__call__", "generate", "predict", "encode", "call", "chat", "stream_chat", "tokenize", "_tokenize"}
)
"""Methods whose arguments are what a user gives the model."""
MUTATORS = frozenset(
    {"append", "extend", "add", "update", "insert", "write", "setdefault", "put", "appendleft", "writelines"}
)
_SENDERS = re.compile(
    r"(?:requests|httpx|urllib3)\.(?:post|put|patch|request|stream)|requests\.[Ss]ession\(\)\.(?:post|put|patch|request|get)"
    r"|(?:httpx\.(?:Async)?Client|aiohttp\.ClientSession)\(\)\.(?:post|put|patch|request|get)|urllib\.request\.(?:urlopen|Request|urlretrieve)"
    r"|(?:requests|httpx)\.get|pandas\.read_\w+|urllib3\.PoolManager\(\)\.(?:request|urlopen)|http\.client\.HTTPS?Connection\(\)\.\w+"
    r"|socket\.(?:socket|create_connection)\(\)\.(?:send|sendall|sendto|connect)|socket\.(?:gethostbyname\w*|getaddrinfo|create_connection)"
    r"|smtplib\.SMTP(?:_SSL)?\(\)\.\w+|ftplib\.FTP(?:_TLS)?\(\)\.\w+|websockets\.connect\(\)\.send|websocket\.\w+\(\)\.send|websocket\.create_connection\(\)\.send"
    r"|xmlrpc\.client\.ServerProxy\(\)\.\w+|paramiko\.\w+\(\)\.\w+|asyncio\.open_connection\(\)\.\w+"
    r"|huggingface_hub\.(?:upload_\w+|HfApi\(\)\.upload_\w+|create_\w+)|telnetlib\.Telnet\(\)\.write|dns\.resolver\.\w+"
)
UPLOADS = re.compile(
    r"(?:post|put|patch|send\w*|upload_\w+|write|storbinary|storlines|gethostbyname\w*|getaddrinfo|query|resolve)\Z"
)
"""Last name of a call that carries data out, where others fetch by an address."""
_IMPORTERS = frozenset({
    "importlib.import_module", "__import__", "importlib.__import__", "importlib.util.spec_from_file_location", "sys.path.append",
    "sys.path.insert", "sys.path.extend", "site.addsitedir", "importlib.machinery.SourceFileLoader", "imp.load_source",
    "zipimport.zipimporter", "runpy.run_path", "pkgutil.resolve_name", "pydoc.locate",
})  # fmt: skip
_STARTUP = re.compile(
    r"\.bashrc|\.bash_profile|\.zshrc|\.(?:bash_)?profile\b|authorized_keys|/etc/cron|/var/spool/cron|crontab|sitecustomize\.py|usercustomize\.py"
    r"|/etc/(?:passwd|shadow|sudoers|profile|rc\.local|ld\.so\.preload|systemd|init\.d)|LaunchAgents|LaunchDaemons|\.config/(?:autostart|systemd)"
    r"|Start Menu.{0,3}Programs.{0,3}Startup|\.gitconfig|\.npmrc|\.pypirc|(?:site|dist)-packages/[^/]+\.(?:pth|py)"
    r"|\.(?:py|pyc|so|sh|bat|ps1|service|desktop)\Z"
)
"""Files that others run or trust later, and code."""
_WRITERS = re.compile(
    r"(?:io\.|codecs\.|os\.)?open|urllib\.request\.urlretrieve|wget\.download|shutil\.(?:copy\w*|move)"
    r"|os\.(?:rename|replace|symlink|link|chmod)"
)
SETTINGS = re.compile(
    r"LD_PRELOAD|LD_LIBRARY_PATH|DYLD_\w+|PYTHONSTARTUP|PYTHONPATH|PYTHONHOME|PYTHONINSPECT|PATH|BASH_ENV|PROMPT_COMMAND|HF_ENDPOINT"
    r"|HF_HUB_URL|PIP_\w+|UV_(?:INDEX\w*|DEFAULT_INDEX)|(?:HTTPS?|ALL)_PROXY|https?_proxy|(?:REQUESTS_CA_BUNDLE|SSL_CERT_FILE|CURL_CA_BUNDLE)"
    r"|GIT_SSH_COMMAND|TRUST_REMOTE_CODE|PYTHONBREAKPOINT|PYTORCH_JIT_LIBRARY|MODELSCOPE_DOMAIN"
)
"""Environment variables that make programs load, fetch or trust something else."""


def source_of(name: str, strings: tuple[str, ...]) -> Label | None:  # noqa: PLR0911 - one line a kind
    """Say what calling the canonical `name` gives; `strings` are the texts that it is given."""
    deed = deed_of(name)
    if name in _HUB:
        return Label.HUB
    if deed is Deed.NETWORK and not name.startswith("torch."):
        return Label.NETWORK
    if name.startswith(("os.environ", "os.getenv")):
        whole = name.rpartition(".")[2] not in {"get", "getenv", "getenvb", "pop", "setdefault"}
        return Label.SECRET if whole or any(_SECRET_NAME.search(s) for s in strings) else Label.ENVIRONMENT
    if deed is Deed.SECRETS:
        return Label.SECRET
    if _DECODERS.fullmatch(name):
        return None if name == "codecs.decode" and any(s.lower().startswith("utf") for s in strings) else Label.DECODED
    if name in _WEIGHTS:
        return Label.WEIGHTS
    if _HOME.fullmatch(name):
        return Label.HOME
    if _SITE.fullmatch(name):
        return Label.SITE
    return Label.FILE if name in _FILES else None


def member_label(attr: str) -> Label | None:
    """Say what an attribute of an object that is not known holds."""
    return Label.WEIGHTS if attr in _WEIGHT_MEMBERS else None


def text_label(text: str) -> Label | None:
    """Say what a path written in the source leads to."""
    if SECRET_PATH.search(text):
        return Label.SECRET
    return Label.STARTUP if len(text) < 300 and _STARTUP.search(text) else None


def clears(name: str) -> bool:
    """The result says nothing of what was given."""
    return name in _CLEARS


def sink_of(name: str) -> tuple[str, tuple[Label, ...]] | None:  # noqa: PLR0911 - one line a kind
    """What happens to data that is given to `name`, and for which kinds that is worth saying."""
    deed = deed_of(name)
    if name in _IMPORTERS and name != "runpy.run_path":
        return "names", (Label.NETWORK, Label.HUB, Label.DECODED, Label.WEIGHTS)
    if deed in {Deed.EXECUTION, Deed.PROCESS, Deed.NATIVE} and not name.endswith(UNKNOWN):
        return "runs", (Label.NETWORK, Label.HUB, Label.DECODED, Label.WEIGHTS, Label.FILE, Label.INPUT)
    if deed is Deed.UNPICKLING:
        return "unpickles", (Label.NETWORK, Label.DECODED)
    if deed is Deed.DELETION:
        return "deletes", (Label.HOME,)
    if name in {"urllib.request.urlretrieve", "wget.download"}:
        return "writes", (Label.SITE, Label.STARTUP)
    if _SENDERS.fullmatch(name):
        return "sends", (Label.SECRET, Label.FILE, Label.INPUT)
    if _WRITERS.fullmatch(name):
        return "writes", (Label.SITE, Label.STARTUP, Label.SECRET, Label.OWN)
    return None
