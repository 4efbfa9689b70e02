"""Deployed files: open, describe, run and time a `.tflite` (or `.lkz`) file, and forecast its time.

Belongs here: what takes a file's bytes and reads or executes them with LiteRT.
Does not belong here: changing a Keras model (`keras2`), and formulas that need no file (`methods`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
