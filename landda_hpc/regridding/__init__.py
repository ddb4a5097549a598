"""From the places, depths and months of a dataset to those of the model."""
