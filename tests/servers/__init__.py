"""Servers that are not the vendor's: profiles, money and pace with them."""
