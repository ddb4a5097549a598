"""Analysis methods of the configuration: one module each, with its section and its ``build`` function.

A method is a subclass of ``base.section.AnalysingRun``. A new module in this package is found without changes
elsewhere. Numerics are in ``landda_hpc.analysis`` and are imported inside ``build``, so that reading a configuration
does not load them.
"""
