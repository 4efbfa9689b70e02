"""Run notebooks with parameters, several in parallel, each in processes of its own (papermill inside).

Belongs here: the plan of a run, its processes, limits and clean-up, and the display of its progress.
Does not belong here: what a run's results mean (`report`), and which files are lessons (`lesson`).
"""
