"""Prices, demand and crude arrivals."""
