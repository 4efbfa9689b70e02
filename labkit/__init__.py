"""labkit: the code shared by the lab notebooks on model acceleration and low-precision computing.

Importing it sets environment variables and an import hook, so that TensorFlow speaks Keras 2 and stays quiet.
Everything else is imported when its name is first used: ``import labkit`` brings neither NumPy nor TensorFlow.
"""

import lazy_loader

from labkit.base.legacy import use_keras2
from labkit.base.quiet import quiet_tensorflow

__version__ = "0.2.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

use_keras2()
quiet_tensorflow()
