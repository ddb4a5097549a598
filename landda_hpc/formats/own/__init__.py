"""Files in layouts of this package: images, site series, spun-up states, static fields, spectra."""
