"""Certified routes, left alone while the world changes: a simulation over the real gateway and its watcher."""
