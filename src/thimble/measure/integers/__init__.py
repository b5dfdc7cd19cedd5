"""What 8-bit files compute on processors other than this one: their integer products, redone in NumPy, bit for bit."""
