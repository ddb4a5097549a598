"""Files as others define them: gridded products, stations, climatologies, plain CF images. Reads and writes; no policy.

A gridded soil-moisture product is a ``product.Product`` named in ``registry``; its files open as a
``product.ProductFile`` and give ``product.SoilMoistureProfile``. ``dataset`` finds files by their times. ``cf`` holds
what all netCDF readers share, ``layered`` what those of layers share. Stations give ``station.StationSeries``.
"""
