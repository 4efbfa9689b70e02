"""The science, NumPy in and NumPy out. Pages write ``methods.prune.magnitude_mask`` and so on.

Belongs here: methods that a page teaches or uses, as functions of arrays, each with the paper it comes from.
Does not belong here: TensorFlow, Keras models (`keras2`), deployed files (`deploy`), and anything that prints.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
