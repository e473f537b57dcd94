"""MDL103."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import Kind, Setting


@check(
    "MDL103", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:829", "CWE:913", "CVE:CVE-2026-4372")
)
def configuration_grants_itself_trust(setting: Setting) -> Iterator[Hit]:
    """A configuration switches on remote code, or has attention code fetched from a hub repository.

    Why: Whether to run a stranger's code is the reader's choice. Loaders that take the setting from the file import the
    code without asking; a kernel named `owner/name` is downloaded and loaded as native code (CVE-2026-4372).
    Fix: Delete the key from the file. Use `"sdpa"` or `"flash_attention_2"`, and transformers in a version that ignores
        `_attn_implementation_internal` from configurations.
    """
    if setting.kind in {Kind.TRUST, Kind.KERNEL}:
        trust = setting.kind is Kind.TRUST
        does = "lets the loader run remote code" if trust else f"fetches code from {setting.value}"
        yield Hit(f"{setting.key} {does}", line=setting.line, symbol=f"{setting.key}: {setting.value}")
