"""Scripts that travel in a bundle as they stand here; they import the standard library, NumPy, Pillow and the files beside them."""
