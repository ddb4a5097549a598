"""Analysis methods as a configuration names them: one module each, with its section and how it is built.

A method is a subclass of ``base.section.AnalysingRun``; a new module here is found without a change elsewhere. Numerics
are in ``landda_hpc.analysis``. A module here is light, so that reading a configuration loads no numerics: their imports
stand inside ``build``.
"""
