"""The generator of the data set `chairs`: parametric chairs with defects, in the layout of BrokenChairs."""
