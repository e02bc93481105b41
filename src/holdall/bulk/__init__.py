"""Bulk work on whole stores: plan, apply exactly that plan, verify, resume."""
