"""MDL067."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import Kind, Setting


@check(
    "MDL067",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:22", "CWE:426", "ATLAS:AML.T0010.003"),
)
def adapter_loads_a_base_from_a_place_of_others(setting: Setting) -> Iterator[Hit]:
    r"""An adapter has its base model loaded from a place that others can fill.

    Why: `AutoPeftModel.from_pretrained` and transformers' own loading of adapters hand the path on as it is: an existing folder is
    taken before any repository, `..` counts from where the process was started, and with it come its code under
    `trust_remote_code` and its pickles. `/tmp` belongs to every user, a path that begins with `\\` or an address to another
    machine, which is asked with the user's name. So what is loaded is not this base and was not looked at. A path of the
    trainer's own disk (MDL200) is only missing elsewhere.
    Fix: Write the repository and its commit: `"base_model_name_or_path": "owner/name", "revision": "<commit>"`; or load the base
        yourself and give it to `PeftModel.from_pretrained(base, adapter)`, which does not read the key.
    """
    if setting.kind is Kind.STRAY_BASE:
        yield Hit(
            f"{setting.key} is {setting.value}: the base is whatever lies there",
            line=setting.line,
            symbol=f"{setting.key}: {setting.value}",
        )
