"""Hand over: bundles that prove themselves where they run, their golden samples, and the scripts that travel in them."""
