"""One module per lesson with its exercises: cases, the reference solution, and known mistakes.

Belongs here: inputs to try a learner's function on, and a sentence for each mistake that is recognized.
Does not belong here: methods that a page uses without an exercise (`methods`), and how a result is shown (`session`).
"""
