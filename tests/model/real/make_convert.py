"""Makes tests/model/real/convert: checkpoints by torch, and what torch.load gives of them as npz.

Made with torch 2.13.0 and numpy 2.4 in an environment of its own; never run by the tests.
"""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

HERE = os.path.join(os.path.dirname(__file__), "convert")
RAW = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def flat(value: Any, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield name or "tensor", value
    elif isinstance(value, (dict, list, tuple)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flat(item, f"{name}.{key}" if name else str(key))


def checkpoint() -> dict[str, Any]:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), torch.nn.Embedding(4, 3))
    optimizer = torch.optim.Adam(net.parameters())
    net[0](torch.ones(2, 6)).sum().backward()
    optimizer.step()
    return {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "hyper": {"lr": 0.1}}


def views() -> dict[str, Any]:
    base = torch.arange(24, dtype=torch.int64).reshape(4, 6)
    return {
        "transposed": base.t()[1:], "expanded": torch.tensor([2.5]).expand(3, 2), "empty": torch.empty(0, 4),
        "scalar": torch.tensor(3.5), "parameter": torch.nn.Parameter(torch.ones(2)), "list": [torch.ones(2)],
    }  # fmt: skip


KINDS = (
    "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 uint16 uint32 uint64 "
    "float8_e4m3fn float8_e5m2"
).split()


def kinds(names: list[str]) -> dict[str, Any]:
    return {name: torch.arange(6).reshape(2, 3).to(getattr(torch, name)) for name in names}


def save(name: str, value: Any, **options: Any) -> None:
    """The checkpoint, and the bytes of each tensor as torch.load gives them."""
    path = os.path.join(HERE, f"{name}.pt")
    torch.save(value, path, **options)
    expected = {}
    for key, tensor in flat(torch.load(path, weights_only=False)):
        whole = tensor.detach().contiguous().reshape(-1)
        shape = ",".join(map(str, tensor.shape))
        expected[f"{key}|{str(tensor.dtype).removeprefix('torch.')}|{shape}"] = whole.view(torch.uint8).numpy()
    np.savez_compressed(os.path.join(HERE, f"{name}.npz"), **expected)


def main() -> None:
    os.makedirs(HERE, exist_ok=True)
    legacy: dict[str, Any] = {"_use_new_zipfile_serialization": False}
    save("checkpoint", checkpoint())
    save("checkpoint_legacy", checkpoint(), **legacy)
    save("views", views())
    save("views_legacy", views(), **legacy)
    save("kinds", kinds(KINDS))
    save("kinds_legacy", kinds(KINDS[:11]), **legacy)
    shared = torch.arange(12.0).reshape(3, 4)
    save("tied", {"embed": shared, "head": shared, "part": shared[1:]})
    save("same", {"embed": shared, "head": shared})
    save("disjoint", {"q": shared[0], "k": shared[1:]})
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)), os.path.join(HERE, "module.pt"))
    quantized = torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8)
    torch.save({"q": quantized, "w": torch.ones(2)}, os.path.join(HERE, "quantized.pt"))


if __name__ == "__main__":
    main()
