"""How a Hydra configuration is known. Light, for it is asked for every file of a scan."""

from assaymark.core.format import Head

_LIMIT = 8 << 20


def is_hydra(head: Head) -> bool:
    """YAML or JSON that speaks of targets."""
    if not head.basename.endswith((".yaml", ".yml", ".json")) or not head.is_text or head.size > _LIMIT:
        return False
    return b"_target_" in head.start or (head.size > len(head.start) and b"_target_" in head.blob.read(0, _LIMIT))
