"""A technique, a runtime and a metric for Thimble; each stands in a module of its own, named as users type it."""
