"""The page of a web bundle: its files travel as they stand here."""
