"""Train and change Keras 2 models, which TFMOT needs: training, pruning, sharing, quantization in training, surgery.

Belongs here: what takes a Keras model and returns a model, its weights or its cost; TFMOT's errors in one sentence.
Does not belong here: formulas on arrays (`methods`), deployed files (`deploy`), and stored networks (`assets`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
