"""The doors: one module per noun, each with its wire models beside its routes.

A route reads the stores or calls one command, and shapes the answer; it decides nothing.
"""
