"""Names of files that hold keys or credentials, as they are copied into images or mounted into containers."""

import re

_KEYS = re.compile(
    r"id_(?:rsa|dsa|ecdsa|ed25519)(?:\.key)?|\.netrc|_netrc|\.pypirc|\.pgpass|\.git-credentials|\.htpasswd|credentials\.json"
    r"|application_default_credentials\.json|service[-_]?account[\w-]*\.json|kubeconfig(?:\.ya?ml)?|[\w.-]+\.(?:p12|pfx|jks|keystore|ppk)"
    r"|[\w.-]*(?:priv(?:ate)?|secret)[\w.-]*\.(?:pem|key)|[\w.-]*key\.pem|\.env(?:\.(?:prod(?:uction)?|staging|local|dev(?:elopment)?|secrets?))?"
    r"|[\w-]+\.env\.(?:prod|production|local)|terraform\.tfvars|[\w-]+\.tfstate",
    re.IGNORECASE,
)
_PLACES = re.compile(
    r"(?:^|/)(?:\.ssh(?:/|$)(?!known_hosts|config$|authorized_keys)|\.aws(?:/credentials|/?$)|\.gnupg(?:/|$)|\.kube(?:/config|/?$)"
    r"|\.docker/config\.json|\.config/gcloud|\.azure(?:/|$)|\.cache/huggingface/token|\.huggingface/token|huggingface/token$)",
    re.IGNORECASE,
)
_PUBLIC = re.compile(r"(?<![a-z])pub(?:lic)?(?![a-z])|example|sample|template|\.dist$|\.tmpl$", re.IGNORECASE)


def is_key_file(path: str) -> bool:
    """The name is one that keys or credentials have; examples and public keys are not meant."""
    path = path.strip().strip("\"'").rstrip("/")
    base = path.rsplit("/", 1)[-1]
    return not _PUBLIC.search(base) and bool(_KEYS.fullmatch(base) or _PLACES.search(path))
