"""The HTML report of a run, and the table of reproductions: read executed notebooks, write pages.

Belongs here: what reads events out of executed notebooks, and what turns them into tables, figures and HTML.
Does not belong here: executing a notebook (`runner`), and what a page prints into itself (`session`).
"""
