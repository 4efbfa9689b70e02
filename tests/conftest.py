"""Settings and fixtures that several folders of tests share."""

from __future__ import annotations

import hypothesis
from course_toys import *  # noqa: F403 (its fixtures: toy courses in a temporary folder)
from tiny_course import *  # noqa: F403 (its fixtures: a course with one tiny data set)

# No example has to be made or to end within a given time: other work on the machine is no fault of the code.
hypothesis.settings.register_profile("labkit", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("labkit")
