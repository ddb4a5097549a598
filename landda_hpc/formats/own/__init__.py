"""Files whose layout is our own: images, site series, spun-up states, static fields, spectra."""
