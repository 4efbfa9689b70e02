"""The source form of a lesson: percent format, header, parameters, parts, and links to its neighbours.

Belongs here: reading a lesson's source or notebook into values, without executing anything.
Does not belong here: writing notebooks (`authoring`), and running them (`runner`).
"""
