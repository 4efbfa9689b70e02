from . import (
    parameters as parameters,
    parts as parts,
    percent as percent,
    source as source,
)
