"""Open the ``.tflite`` file on standard input, and run it once, in a separate process, which may crash.

LiteRT checks that a file is well formed, and trusts what the file then says of its tensors: a damaged or hostile one
can end the process. The reply is JSON: ``{"error": …}`` with LiteRT's reason when it refuses the file, or ``{}``.
"""

from __future__ import annotations

import json
import sys

import numpy as np

from labkit.base import child

_MEMORY = 16 * 2**30
_PROCESSOR_S = 240


def main() -> None:
    """Answer for the file on standard input."""
    child.limit(_MEMORY, _PROCESSOR_S)
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    content = sys.stdin.buffer.read()
    error = None
    for kind in (OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES):
        try:
            runner = Interpreter(model_content=content, num_threads=1, experimental_op_resolver_type=kind)
        except (ValueError, RuntimeError, TypeError) as refusal:
            error = str(refusal)
            break
        try:
            runner.allocate_tensors()
            for details in runner.get_input_details():
                runner.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
            runner.invoke()
        except Exception:  # whoever runs it gets the same exception, and says what it means there
            continue
    print(json.dumps({} if error is None else {"error": error}))


if __name__ == "__main__":
    main()
