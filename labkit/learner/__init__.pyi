from . import (
    doctor as doctor,
    progress as progress,
    requirements as requirements,
    work as work,
)
