"""Report pages: one HTML file each, which contains all that it shows and needs no network."""
