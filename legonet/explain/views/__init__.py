"""What an explanation looks like: as text, as a page, in LaTeX."""
