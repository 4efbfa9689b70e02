from . import (
    baselines as baselines,
    cards as cards,
    data as data,
    download as download,
    models as models,
    published as published,
    registry as registry,
    training_recipes as training_recipes,
)
