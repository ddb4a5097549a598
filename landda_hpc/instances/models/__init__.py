"""Land models of the configuration: one module each, with its section.

A model is a subclass of ``instances.model_section.ModelSection`` or ``EmbeddedModelSection``. A new module here is
found without changes elsewhere. What computes is imported in the methods, so that reading a configuration does not load
it.
"""
