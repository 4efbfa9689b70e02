"""Build the model in an untrusted file, provided that it consists of Keras' own layers and runs no code.

Keras imports whatever module a configuration names, and a Lambda layer is code: so the configuration is read first, and
every class and function in it must be one of Keras' own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from labkit.base.errors import LabkitError
from labkit.keras2.weight_files import Config, Content, open_file, require_unwrapped

_MODELS = {"Sequential", "Functional", "Model"}
_POLICIES = {"Policy"}
_PLAIN = {"__tuple__", "__ellipsis__", "__tensor__", "__numpy__", "__bytes__", "TensorShape", "TypeSpec"}
_CALLS = {"TFOpLambda", "SlicingOpLambda"}  # calls of TensorFlow's functions outside layers
_ARITHMETIC = ("math.", "nn.", "__operators__.")  # none of the functions in these modules reads or writes a file
_FUNCTIONS = {
    "cast", "clip_by_value", "concat", "convert_to_tensor", "expand_dims", "identity", "pad", "reshape", "slice",
    "split", "squeeze", "stack", "strided_slice", "tile", "transpose", "unstack", "where", "zeros_like", "ones_like",
    "compat.v1.transpose", "compat.v1.nn.softmax", "image.resize",
}  # fmt: skip
_OWN_MODULES = ("keras", "tf_keras")
_WITH_CODE = {"Lambda", "TFSMLayer"}  # the second runs a SavedModel's graph from a path of the file's choice


def load(path: Path) -> Any:
    """Return the Keras 2 model in the ``.keras`` or ``.h5`` file *path*, not compiled.

    Raises LabkitError when the file is damaged, wrapped by TFMOT, holds weights without their model, or names anything
    but Keras' own layers and functions (a Lambda layer, a class of its author's).
    """
    content = open_file(path)
    require_unwrapped(content)
    if content.config is None:
        raise LabkitError(f"{path} holds weights without their model: give a file that model.save wrote.")
    reason = problem(content.config)
    if reason is not None:
        raise LabkitError(f"The model in {path} is not built, because {reason}; you can only read its weights.")
    return build(content)


def build(content: Content) -> Any:
    """Return the model of *content*, whose configuration `problem` has no objection to. Raises as `load` does."""
    import tensorflow as tf

    from labkit.base.quiet import native_stderr

    suffix = ".h5" if content.data.startswith(b"\x89HDF") else ".keras"
    with tempfile.TemporaryDirectory() as folder:
        # What was judged is what is loaded, even if the file has changed meanwhile.
        copy = Path(folder) / f"model{suffix}"
        copy.write_bytes(content.data)
        with native_stderr():
            try:
                return tf.keras.models.load_model(copy, compile=False)
            except Exception as error:  # Keras raises nearly anything here
                failure = error
    raise LabkitError(
        f"Keras 2 cannot build the model in {content.path}: save it again with the tf.keras of this course."
    ) from failure


def problem(config: Config) -> str | None:
    """Return the reason why the model *config* is not built, as a clause; None when nothing in it can run code."""
    pending: list[Any] = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict):
            if "class_name" in value:
                reason = _object_problem(value)
                if reason is not None:
                    return reason
            # What belongs to the training is not loaded.
            pending.extend(inner for key, inner in value.items() if key != "compile_config")
    return None


def _object_problem(value: Config) -> str | None:
    """Return the reason why the serialized object *value* is not made, as a clause."""
    import tensorflow as tf

    kind, module, options = value["class_name"], value.get("module"), value.get("config")
    if not isinstance(kind, str) or not (module is None or isinstance(module, str)):
        return "its configuration makes no sense"
    if kind in ("Lambda", "__lambda__"):
        return "it holds a Lambda layer, which is code of its author's"
    if module == "builtins" or kind == "function":
        return _function_problem(module, options)
    if module is not None and module.split(".")[0] not in _OWN_MODULES:
        return f"it holds {kind[:60]!r}, which is none of Keras' own layers"
    if kind in _PLAIN:
        return None
    if kind in _CALLS:
        return _call_problem(options)
    parts = (tf.keras.layers, tf.keras.initializers, tf.keras.regularizers, tf.keras.constraints)
    known = _MODELS | _POLICIES | {name for part in parts for name in dir(part) if name[0].isupper()}
    if kind not in known - _WITH_CODE or value.get("registered_name") not in (None, kind):
        return f"it holds {kind[:60]!r}, which is none of Keras' own layers"
    if isinstance(options, dict) and isinstance(options.get("vocabulary"), str):
        return f"its layer {kind} reads a file of words"
    return None


def _function_problem(module: str | None, options: Any) -> str | None:
    import tensorflow as tf

    known = {name for part in (tf.keras.activations, tf.keras.initializers) for name in dir(part)}
    is_own = module in (None, "builtins") or str(module).split(".")[0] in _OWN_MODULES
    if is_own and isinstance(options, str) and options in known:
        return None
    return f"it names the function {str(options)[:60]!r}, which is none of Keras' own"


def _call_problem(options: Any) -> str | None:
    function = options.get("function") if isinstance(options, dict) else None
    if isinstance(function, str) and (function in _FUNCTIONS or function.startswith(_ARITHMETIC)):
        return None
    return f"it calls {str(function)[:60]!r}, which is no plain arithmetic"
