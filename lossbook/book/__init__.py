"""What the book alone needs: tables of facts and differences, and what its pages are checked with."""
