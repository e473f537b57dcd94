"""Make the real Paddle files beside this script; run by hand, never by the tests.

Made with paddlepaddle 3.3.1, Python 3.11: `python make_paddle.py` (PIR), then once more with `FLAGS_enable_pir_api=0`
(ProgramDesc). The hostile ones are only written, never run.
"""

import os
from pathlib import Path

import numpy as np
import paddle

OUT = Path(__file__).parent / "paddle"
OLD = os.environ.get("FLAGS_enable_pir_api") == "0"  # noqa: SIM112 - the library's own spelling


def _save(name: str, body) -> None:
    paddle.enable_static()
    program, start = paddle.static.Program(), paddle.static.Program()
    with paddle.static.program_guard(program, start):
        x = paddle.static.data("x", [1, 1, 8, 8], "float32")
        y = body(x)
        executor = paddle.static.Executor(paddle.CPUPlace())
        executor.run(start)
        paddle.static.save_inference_model(str(OUT / name), [x], [y], executor, program=program)


def _net(x: paddle.Tensor) -> paddle.Tensor:
    hidden = paddle.nn.functional.relu(paddle.nn.Conv2D(1, 2, 3)(x))
    return paddle.nn.functional.softmax(paddle.nn.Linear(72, 3)(paddle.flatten(hidden, 1)))


def _branch(x: paddle.Tensor) -> paddle.Tensor:
    total = paddle.mean(x)
    return paddle.static.nn.cond(total > 0, lambda: total * 2, lambda: total - 1)


def _calls_python(x: paddle.Tensor) -> paddle.Tensor:
    out = paddle.static.data("o", [1, 1, 8, 8], "float32")
    return paddle.static.py_func(func=np.array, x=x, out=out)


def _main() -> None:
    OUT.mkdir(exist_ok=True)
    kind = "old" if OLD else "pir"
    _save(f"{kind}_net", _net)
    if OLD:
        _save("bad_python", _calls_python)
    else:
        _save("pir_branch", _branch)


if __name__ == "__main__":
    _main()
