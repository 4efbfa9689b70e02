"""What a learner does beside a notebook: working copies, progress, and the check of the installation.

Belongs here: the work behind `labkit lab`, `labkit progress` and `labkit doctor`.
Does not belong here: what happens inside a notebook (`session`), and files of learners that notebooks read (`base`).
"""
