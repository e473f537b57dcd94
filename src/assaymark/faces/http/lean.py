"""What the server's process does without: for `assay serve`, which is a process of its own, before FastAPI is imported."""

import os
import sys


def lean() -> None:
    """Keep Pydantic's version 1 and its plugins out of this process: 100 ms and 3 MB, and code that nobody here asked for.

    FastAPI asks of every type whether it is a model of `pydantic.v1`, and answers no where there is no such module
    (fastapi._compat.shared). A plugin of Pydantic is whatever an installed package says is one.
    """
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    if "pydantic.v1" not in sys.modules:
        sys.modules["pydantic.v1"] = None  # type: ignore[assignment] # the way to say that it cannot be imported
