"""From a lesson's source to its two editions, for the authors of the course.

Belongs here: the building of notebooks, and the checks that a source passes first (`lint`).
Does not belong here: what a learner needs to work with a notebook (`learner`), and reading a source (`lesson`).
"""
