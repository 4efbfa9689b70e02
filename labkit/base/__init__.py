"""What every other package may use: errors, argument checks, whole files, places, the profile, start-up switches.

Belongs here: small modules without knowledge of lessons, models or notebooks, that import only the standard library.
Does not belong here: anything that only one package uses.
"""
