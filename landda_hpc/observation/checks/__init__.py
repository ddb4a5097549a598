"""Quality checks: one module each, with its section and its ``build`` function.

A check is a subclass of ``observation.check_section.CheckSection``. A new module here is found without changes
elsewhere.
"""
