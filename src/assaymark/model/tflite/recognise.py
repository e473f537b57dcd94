"""How a TFLite model is known: by the identifier of its flatbuffer."""

from assaymark.core.format import Head


def is_tflite(head: Head) -> bool:
    """`TFL3` at offset 4 (older converters left the identifier out; the name tells then)."""
    return head.start[4:8] == b"TFL3"
