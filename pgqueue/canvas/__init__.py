"""Canvas: calls put together (one after the other, side by side) before any of them is made."""
