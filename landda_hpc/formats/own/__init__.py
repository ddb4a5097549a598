"""Files in layouts defined by this package: images, site series, spun-up states, static fields, spectra, errors."""
