"""The commands: one module per command, each parses its arguments and calls the package that does the work.

Belongs here: argument parsers, exit codes and what a command prints. The only package that imports all others.
Does not belong here: anything a notebook, a test or another command could call without a shell.
"""
